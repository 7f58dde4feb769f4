/** What is held out is nowhere trained on, whatever the sets repeat; and the answers models give are judged by their words. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { UserError } from "../../src/errors.js"
import { isSame, wordF1 } from "../../src/eval/text-match.js"
import { normalised, splitData } from "./data.js"

const root = mkdtempSync(join(tmpdir(), "smollm2-data-"))
afterAll(() => rmSync(root, { recursive: true }))

type Records = Record<string, object[]>
function writeSets(name: string, sets: Records): string {
  const folder = join(root, name)
  for (const [file, records] of Object.entries(sets)) {
    mkdirSync(join(folder, file, ".."), { recursive: true })
    writeFileSync(join(folder, file), `${records.map((record) => JSON.stringify(record)).join("\n")}\n`)
  }
  return folder
}

/** Three questions to each of ten passages. */
const passages = Array.from({ length: 30 }, (_, i) => ({
  passage: `Passage ${Math.floor(i / 3)} tells of things.`,
  question: `What about thing ${i}?`,
  options: `A. one ${i}\nB. two ${i}`,
  answer: `B. two ${i}`,
}))
const siqa = [...passages, { ...passages[0], question: "what about thing 0" }]
const sums = [
  // The passage of another set, in other letters.
  ...passages.slice(0, 9).map(({ passage }, i) => ({
    passage: passage.toUpperCase(),
    question: `How many in ${i}?`,
    answer: `${i} apples`,
  })),
  { passage: "x ".repeat(900), question: "Long?", answer: "yes" },
]
const settings = {
  seed: 1,
  reference: { "Social IQa": { train: 12, held_out: 4 }, ASDiv: { train: 20, held_out: 20 } },
  own: {},
}

it("keeps groups on one side of the split, across sets, and drops what is there twice", () => {
  const { train, heldOut, facts } = splitData(
    writeSets("groups", { "SIQA/test.jsonl": siqa, "ASDiv/test.jsonl": sums }),
    settings,
  )
  const groups = (questions: typeof train) => new Set(questions.map(({ group }) => normalised(group)))
  const [left, right] = [groups(train), groups(heldOut)]
  expect(left.size).toBeGreaterThan(0)
  expect(right.size).toBeGreaterThan(0)
  expect([...left].filter((group) => right.has(group))).toEqual([])
  expect(heldOut.filter(({ set }) => set === "Social IQa")).toHaveLength(4)
  expect(train.filter(({ set }) => set === "Social IQa")).toHaveLength(12)
  expect(facts.map(({ records, unfit, duplicates }) => [records, unfit, duplicates])).toEqual([
    [31, 0, 1],
    [10, 1, 0],
  ])
  const [{ question, answer, choices }] = train
  expect(choices).toHaveLength(2)
  expect(choices).toContain(answer)
  for (const option of choices!) expect(question).toContain(`- ${option}\n`)
})

it("does not depend on the order of the records, but on the seed", () => {
  const one = splitData(writeSets("order", { "SIQA/test.jsonl": passages, "ASDiv/test.jsonl": sums }), settings)
  const reversed = { "SIQA/test.jsonl": [...passages].reverse(), "ASDiv/test.jsonl": sums }
  const other = splitData(writeSets("reversed", reversed), settings)
  const sides = ({ heldOut }: typeof one) => heldOut.map(({ group }) => group)
  expect(sides(other)).toEqual(sides(one))
  const reseeded = splitData(join(root, "order"), { ...settings, seed: 2 })
  expect(sides(reseeded)).not.toEqual(sides(one))
})

it("says which file is missing or damaged", () => {
  const folder = writeSets("damaged", { "SIQA/test.jsonl": passages })
  expect(() => splitData(folder, settings)).toThrow(UserError)
  expect(() => splitData(folder, settings)).toThrow(/question set is not there/)
  writeFileSync(join(folder, "SIQA/test.jsonl"), '{"passage":\n')
  expect(() => splitData(folder, settings)).toThrow(/line 1 is no JSON/)
})

it("judges answers by their words", () => {
  expect(isSame("Two apples.", "two  apples")).toBe(true)
  expect(isSame("two apples and a pear", "two apples")).toBe(false)
  expect(wordF1("the cat sat", "the cat sat")).toBe(1)
  expect(wordF1("the the the", "the cat")).toBeCloseTo(2 / 5)
  expect(wordF1("", "cat")).toBe(0)
})
