/** DetailCaps' BERTScore, on a small random RoBERTa: equal to bert_score's own is src/eval/bertscore.test.ts. */

import { resolve } from "node:path"
import { expect, it } from "vitest"
import { loadTextEncoder } from "../../models/encoders/text-encoder.js"
import { bertScore, ROBERTA_LARGE_BASELINE } from "../bertscore.js"
import { bestRescaledF, detailcaps } from "./detailcaps.js"

const encoder = loadTextEncoder(resolve(import.meta.dirname, "../../../test/fixtures/bertscore/roberta"))
const metric = detailcaps.metrics.find(({ name }) => name === "detailcaps_BERTScore")!
const doc = (i: number) => ({
  image: `sa_${i}.jpg`,
  GT_Caption_GPT4O: "A red house at a lake.",
  GT_Caption_GPT4V: "Two boats and a small wooden house.",
  GT_Caption_Gemini15Pro: "",
})
const value = (i: number, caption: string) => detailcaps.count(doc(i), { text: caption }, {}).values[metric.name]
const scoresOf = (...captions: string[]) =>
  metric.prepare!(
    captions.map((caption, i) => value(i, caption)),
    { encoder: async () => encoder },
  ) as Promise<number[]>

it("takes the best of the references, rescaled, and the mean over pictures", async () => {
  const captions = ["A red house", "Birds.", ""]
  const scores = await scoresOf(...captions)
  for (const [i, caption] of captions.entries()) {
    const references = detailcaps.target(doc(i)) as string[]
    const each = await bertScore(
      references.map(() => caption),
      references,
      { encoder, layer: encoder.layers },
    )
    expect(scores[i]).toBeCloseTo(bestRescaledF(each.f1), 6)
  }
  expect(metric.aggregate(scores, {})).toBeCloseTo((scores[0] + scores[1] + scores[2]) / 3, 9)
})

it("gives an empty caption what bert_score gives it", async () => {
  const [score] = await scoresOf("")
  expect(score).toBeCloseTo(-ROBERTA_LARGE_BASELINE.f1 / (1 - ROBERTA_LARGE_BASELINE.f1), 5)
  expect(score).toBeCloseTo(-4.925, 3)
})

it("asks for no encoder where there is nothing to score, and says where there is none", async () => {
  const none = async () => {
    throw new Error("no encoder")
  }
  expect(await metric.prepare!([], { encoder: none })).toEqual([])
  await expect(metric.prepare!([value(0, "a")], { encoder: none })).rejects.toThrow("no encoder")
})

it("says of the other metrics why they are not there", () => {
  const others = detailcaps.metrics.filter((one) => one !== metric)
  expect(others.map(({ name }) => name.replace("detailcaps_", ""))).toEqual([
    ...["CAPTURE", "Bleu_4", "Bleu_3", "Bleu_2", "Bleu_1", "METEOR", "ROUGE_L", "CIDEr"],
  ])
  for (const { unavailable, aggregate } of others) {
    expect(unavailable).toMatch(/^it needs .*BERTScore is the paper's metric$/)
    expect(aggregate([], {})).toBeNull()
  }
})
