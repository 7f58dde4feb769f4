import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { AnswerFile } from "./answer-file.js"

const folder = mkdtempSync(join(tmpdir(), "answers-"))
afterAll(() => rmSync(folder, { recursive: true }))

const answer = (index: number) => ({ index, text: `é ${index}\n`, tokens: 3, forwards: 2, ended: true, seconds: 0.5 })

it("keeps answers in any order; a line that was cut short was never there", () => {
  const file = join(folder, "answers.jsonl")
  const first = new AnswerFile(file, { model: "x" })
  first.add(answer(2))
  first.add(answer(0))
  expect([...new AnswerFile(file, {}).answers.values()]).toEqual([answer(2), answer(0)])

  const whole = readFileSync(file)
  for (let bytes = 0; bytes < whole.length; bytes++) {
    writeFileSync(file, whole.subarray(0, bytes))
    const kept = new AnswerFile(file, { model: "x" })
    const lines = whole.subarray(0, bytes).toString("latin1").split("\n").length - 2
    expect([...kept.answers.keys()]).toEqual([2, 0].slice(0, Math.max(0, lines)))
    kept.add(answer(1))
    expect([...new AnswerFile(file, {}).answers.values()].at(-1)).toEqual(answer(1))
  }
})
