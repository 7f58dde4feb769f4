import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { AnswerFile, hashedName, readAnswerFile } from "./answer-file.js"

const folder = mkdtempSync(join(tmpdir(), "answers-"))
afterAll(() => rmSync(folder, { recursive: true }))

const answer = (index: number) => ({ index, text: `é ${index}\n`, tokens: 3, forwards: 2, ended: true, seconds: 0.5 })

it("keeps answers in any order; a line that was cut short was never there", () => {
  const place = { folder, key: "model x", dependsOn: ["x", { steps: 4 }], about: { model: "x" } }
  const open = (): AnswerFile<ReturnType<typeof answer>> => new AnswerFile(place)
  const first = open()
  first.add(answer(2))
  first.add(answer(0))
  expect([...open().answers.values()]).toEqual([answer(2), answer(0)])
  expect(new AnswerFile({ ...place, dependsOn: ["x", { steps: 2 }] }).answers.size).toBe(0)

  const file = join(folder, `${hashedName(place.key, place.dependsOn)}.jsonl`)
  const whole = readFileSync(file)
  for (let bytes = 0; bytes < whole.length; bytes++) {
    writeFileSync(file, whole.subarray(0, bytes))
    const kept = open()
    const lines = whole.subarray(0, bytes).toString("latin1").split("\n").length - 2
    expect([...kept.answers.keys()]).toEqual([2, 0].slice(0, Math.max(0, lines)))
    kept.add(answer(1))
    expect([...open().answers.values()].at(-1)).toEqual(answer(1))
  }
})

it("says which line is damaged, and goes by the last of several answers to one question", () => {
  const place = { folder, key: "damaged", dependsOn: 1, about: {} }
  const file = join(folder, `${hashedName("damaged", 1)}.jsonl`)
  const kept = new AnswerFile<ReturnType<typeof answer>>(place)
  kept.add(answer(0))
  kept.add({ ...answer(0), tokens: 4 })
  expect([...readAnswerFile(file).answers.values()]).toEqual([{ ...answer(0), tokens: 4 }])
  const whole = readFileSync(file, "utf8")
  for (const line of [
    '{"index": 1, "te',
    "42",
    "null",
    "[]",
    "{}",
    '{"index": 1.5}',
    "\0\0\0",
    '{"index": 1, "bad": 1}',
  ]) {
    writeFileSync(file, `${whole}${line}\n{"index":2}\n`)
    expect(() => new AnswerFile({ ...place, isAnswer: ({ bad }) => bad === undefined })).toThrow(
      expect.objectContaining({ where: `${file}, line 4`, fix: expect.stringMatching(/delete the line/) }),
    )
    // Nothing is lost.
    expect(readFileSync(file, "utf8")).toBe(`${whole}${line}\n{"index":2}\n`)
  }
  writeFileSync(file, whole.replace("{}", "damaged"))
  expect(() => new AnswerFile(place)).toThrow(expect.objectContaining({ fix: expect.stringMatching(/put \{\} in/) }))
  writeFileSync(file, `${whole.replaceAll("\n", "\r\n")}\r\n\n`)
  expect(new AnswerFile<ReturnType<typeof answer>>(place).answers.get(0)).toMatchObject({ tokens: 4 })
})

it("forgets answers to something else without losing them", () => {
  const place = { folder, key: "forgotten", dependsOn: 1, about: {} }
  const open = () => new AnswerFile<ReturnType<typeof answer>>(place)
  const kept = open()
  for (const tokens of [1, 2]) kept.add({ ...answer(0), tokens })
  kept.add(answer(1))
  kept.forget(0)
  for (const each of [kept, open()]) {
    expect([...each.answers.keys()]).toEqual([1])
    expect(each.find(0, ({ tokens }) => tokens < 3)).toMatchObject({ tokens: 2 })
    expect(each.recall(0, ({ tokens }) => tokens > 2)).toBeUndefined()
  }
  expect(open().recall(0, ({ tokens }) => tokens === 1)).toMatchObject({ tokens: 1 })
  expect(open().answers.get(0)).toMatchObject({ tokens: 1 })
})
