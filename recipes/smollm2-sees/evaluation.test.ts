import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { loadSession } from "../../src/generate/session.js"
import { writeLettersModel } from "../../test/support/letters-model.js"
import { countRight } from "./evaluation.js"
import type { TextQuestion } from "./text-questions.js"

const folder = mkdtempSync(join(tmpdir(), "sees-evaluation-"))
afterAll(() => rmSync(folder, { recursive: true }))

it("goes on behind the last whole line, wherever the file was cut", async () => {
  await writeLettersModel(join(folder, "model"))
  const session = loadSession(join(folder, "model"), { dtype: "float32", device: "cpu" })
  const questions = ["sky", "sea", "sky"].map((answer): TextQuestion => {
    return { set: "OpenBookQA", question: "Up?", choices: ["sky", "sea"], answer }
  })
  const kept = { folder: join(folder, "answers"), key: "model-set", dependsOn: "model", about: { set: "OpenBookQA" } }
  mkdirSync(kept.folder)
  const ask = async (): Promise<[right: number, asked: number]> => {
    let asked = 0
    const how = { kept, open: () => session, system: "s", onAnswer: () => asked++ }
    return [await countRight(questions, how), asked]
  }
  const [right, asked] = await ask()
  expect(asked).toBe(3)
  expect([1, 2]).toContain(right)
  const [file] = readdirSync(kept.folder).map((name) => join(kept.folder, name))
  const whole = readFileSync(file, "utf8")
  for (let bytes = 0; bytes <= whole.length; bytes++) {
    writeFileSync(file, whole.slice(0, bytes))
    // The first line says what they are answers to.
    const missing = 3 - Math.max(0, whole.slice(0, bytes).split("\n").length - 2)
    expect(await ask()).toEqual([right, missing])
    expect(readFileSync(file, "utf8")).toBe(whole)
  }
})
