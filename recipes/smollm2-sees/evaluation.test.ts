import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
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
  const file = join(folder, "answers.jsonl")
  const ask = async (): Promise<[right: number, asked: number]> => {
    let asked = 0
    const how = { open: () => session, system: "s", onAnswer: () => asked++ }
    return [await countRight(questions, file, how), asked]
  }
  const [right, asked] = await ask()
  expect(asked).toBe(3)
  expect([1, 2]).toContain(right)
  const whole = readFileSync(file, "utf8")
  for (let bytes = 0; bytes <= whole.length; bytes++) {
    writeFileSync(file, whole.slice(0, bytes))
    const missing = 4 - whole.slice(0, bytes).split("\n").length
    expect(await ask()).toEqual([right, missing])
    expect(readFileSync(file, "utf8")).toBe(whole)
  }
})
