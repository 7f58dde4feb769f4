import { join } from "node:path"
import { expect, it } from "vitest"
import { UserError } from "../errors.js"
import { loadTextEncoder } from "../models/encoders/text-encoder.js"
import { bertScore } from "./bertscore.js"
import { metricNamed, registerMetric } from "./metrics.js"

const scoresOf = async (name: string, pairs: [answer: string, ...references: string[]][]): Promise<number[]> =>
  (await metricNamed(name)).score(pairs.map(([answer, ...references]) => ({ answer, references })))

it("exact: but for case, marks and blanks; any reference", async () => {
  const pairs: [string, ...string[]][] = [
    ["Two apples.", "two  apples"],
    ["two apples and a pear", "two apples"],
    ["(A)", "a"],
    ["no", "yes", "No."],
    ["3.5", "35"],
    ["?", "!"],
    ["कि", "का"],
    ["", "yes"],
    ["-5", "5"],
    ["\u2212.5 m", "-.5 M."],
    ["3-5", "3 5"],
  ]
  expect(await scoresOf("exact", pairs)).toEqual([1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1])
})

it("relaxed: numbers within 5 %, as ChartQA", async () => {
  const pairs: [string, ...string[]][] = [
    ["105", "100"],
    ["95.0", "100"],
    ["106", "100"],
    ["5%", "0.05"],
    ["5%", "5"],
    ["0", "0.0"],
    ["0.0", "0.0"],
    ["1_000", "1010"],
    ["1,000", "1000"],
    ["-3", "3"],
    ["Blue", "blue"],
    ["0x10", "16"],
    ["2e2", "200"],
  ]
  expect(await scoresOf("relaxed", pairs)).toEqual([1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0, 1])
})

it("word-f1: of the reference that is most alike", async () => {
  expect(await scoresOf("word-f1", [["the cat sat", "a dog", "The cat sat."]])).toEqual([1])
  const [half, none] = await scoresOf("word-f1", [
    ["the the the", "the cat"],
    ["", "cat"],
  ])
  expect(half).toBeCloseTo(2 / 5)
  expect(none).toBe(0)
})

it("bertscore: of the reference that is most alike, by an encoder", async () => {
  const folder = join(import.meta.dirname, "../../test/fixtures/bertscore/bert")
  const encoder = loadTextEncoder(folder)
  const { f1 } = await bertScore(["a cat", "a cat"], ["the cat sat", "a dog"], { encoder })
  const [best, second] = await scoresOf(`bertscore:${folder}`, [
    ["a cat", "the cat sat", "a dog"],
    ["a cat", "a dog"],
  ])
  expect(best).toBeCloseTo(Math.max(...f1), 6)
  expect(second).toBeCloseTo(f1[1], 6)
  await expect(metricNamed("bertscore:nowhere")).rejects.toMatchObject({
    where: "nowhere",
    fix: expect.stringMatching(/a text encoder is/),
  })
  const ours = await metricNamed("bertscore", { encoder: () => Promise.resolve(encoder) })
  expect(await ours.score([{ answer: "a cat", references: ["a dog"] }])).toEqual([expect.closeTo(second, 6)])
})

it("can be more: by name, with an argument", async () => {
  registerMetric("length", (argument) => ({
    title: `length over ${argument}`,
    score: (answers) => answers.map(({ answer }) => answer.length / Number(argument)),
  }))
  const metric = await metricNamed("length:4")
  expect([metric.name, metric.title]).toEqual(["length:4", "length over 4"])
  expect(await metric.score([{ answer: "ab", references: [] }])).toEqual([0.5])
  expect(() => registerMetric("exact", () => metric)).toThrow(RangeError)
  await expect(metricNamed("bleu")).rejects.toThrow(/no metric "bleu"/)
  await expect(metricNamed("exact:4")).rejects.toThrow(UserError)
})
