/** The tables of a report, from what was measured. */

import type { Measured, MeasuredScore } from "../../src/eval/ablate/measured.js"
import { percent, percentWithin, pointsBetween } from "../../src/report/numbers.js"
import type { Table } from "../../src/report/tables.js"
import { mean, shareError } from "../shared/numbers.js"
import { ANSWER_KINDS, kindOf } from "./easy-vqa.js"
import type { PictureResult, Results, TextResult } from "./evaluation.js"
import type { ModelName, PictureSet } from "./plan.js"
import type { PreparedData } from "./prepare.js"
import { WAYS, type Way } from "./stages.js"
import { TEXT_SETS } from "./text-questions.js"

export const TITLES: Record<Way, string> = {
  autoregressive: "autoregressive (LLaVA)",
  "block-diffusion": "block diffusion (DiffusionVL)",
  "full-diffusion": "full diffusion (LLaDA-V)",
}

const scored = (score: MeasuredScore | undefined): string =>
  score ? percentWithin(score.value ?? 0, score.standardError ?? 0) : "–"
/** Of answers that are right or wrong. */
const withError = (share: number, questions: number): string => percentWithin(share, shareError(share, questions))

export const resultOf = ({ pictures }: Results, way: ModelName, set: PictureSet): PictureResult | undefined =>
  pictures.find(({ measurement }) => measurement.model === way && measurement.set === set)

const textOf = ({ text }: Results, model: ModelName, set: string): TextResult | undefined =>
  text.find(({ measurement }) => measurement.model === model && measurement.set === set)

export const forwardsPerToken = (measured: readonly Measured[]): number =>
  sum(measured, "forwards") / Math.max(1, sum(measured, "tokens"))
export const tokensPerSecond = (measured: readonly Measured[]): number =>
  sum(measured, "tokens") / Math.max(1e-9, sum(measured, "seconds"))
const sum = (measured: readonly Measured[], key: "forwards" | "tokens" | "seconds"): number =>
  measured.reduce((total, each) => total + each[key], 0)

/** What one model got of its questions with pictures. */
export const measuredOf = (results: Results, way: Way): Measured[] =>
  (["easy-vqa", "captions"] as const).flatMap((set) => resultOf(results, way, set)?.measured ?? [])

/**
 * In the form of the paper's Table 3: one language model, three paradigms.
 * @param language what the model is called before it learns to see
 */
export function comparison(results: Results, language: string): Table {
  const row = (model: ModelName): string[] => {
    const vqa = resultOf(results, model, "easy-vqa")?.measured.scores.exact
    const captions = resultOf(results, model, "captions")?.measured.scores
    const seen = model === "language" ? [] : measuredOf(results, model)
    const some = seen.length > 0
    return [
      model === "language" ? `${language}, which does not see` : TITLES[model],
      scored(vqa),
      scored(captions?.bertscore),
      scored(captions?.["word-f1"]),
      ...TEXT_SETS.map((set) => {
        const found = textOf(results, model, set)
        return found ? withError(found.right / Math.max(1, found.questions), found.questions) : "–"
      }),
      some ? forwardsPerToken(seen).toFixed(2) : "–",
      some ? tokensPerSecond(seen).toFixed(0) : "–",
    ]
  }
  const { "easy-vqa": vqa, captions } = results.asked
  const text = Math.max(0, ...results.text.map(({ questions }) => questions))
  const kept =
    text === 0
      ? ""
      : ` ${TEXT_SETS.join(" and ")} (${text} questions each at most), without pictures: the likelier whole answer.`
  return {
    title: "Three paradigms, one language model",
    text: `Scores in percent, ± one standard error over the questions. easy-vqa (${vqa.length} questions): exact answers. Captions (${captions.length} drawings): BERTScore's F1, not rescaled, and F1 of the words.${kept} Forwards per token and tokens per second are over all answers about pictures, their ends and their prompts included.`,
    columns: [
      "model",
      "easy-vqa",
      "captions, BERTScore",
      "captions, F1",
      ...TEXT_SETS,
      "forwards per token",
      "tokens/s",
    ],
    rows: [row("language"), ...WAYS.map(row)],
  }
}

export function byKind(results: Results, { blind }: Pick<PreparedData, "blind">): Table {
  const share = ({ answers }: PictureResult, kind: string): string => {
    const right = answers.flatMap((answer, i) => {
      const { reference } = results.asked["easy-vqa"][i]
      return kindOf(reference) === kind ? [Number(same(answer, reference))] : []
    })
    return withError(mean(right), right.length)
  }
  const unseen = resultOf(results, "autoregressive", "unseen")
  const rows = WAYS.flatMap((way) => {
    const result = resultOf(results, way, "easy-vqa")
    return result
      ? [
          [
            TITLES[way],
            scored(result.measured.scores.exact),
            ...ANSWER_KINDS.map((kind) => share(result, kind)),
            result.measured.forwardsPerToken.toFixed(2),
            result.measured.tokensPerSecond.toFixed(0),
          ],
        ]
      : []
  })
  const questions = results.asked["easy-vqa"].length
  const nothing = [...ANSWER_KINDS, "forwards", "speed"].map(() => "–")
  return {
    title: "easy-vqa by kind of question",
    text: `Exact answers in percent, ± one standard error, to ${questions} questions about ${new Set(results.asked["easy-vqa"].map(({ picture }) => picture)).size} pictures that were not trained on. What can be had without seeing: always "yes", the answer that the question had most often in training, and the autoregressive model with the picture of another question.`,
    columns: ["model", "all", ...ANSWER_KINDS, "forwards per token", "tokens/s"],
    rows: [
      ...rows,
      ["always yes", withError(blind.alwaysYes, questions), ...nothing],
      ["most often in training", withError(blind.byQuestion, questions), ...nothing],
      ...(unseen
        ? [
            [
              "autoregressive, another picture",
              scored(unseen.measured.scores.exact),
              ...ANSWER_KINDS.map((kind) => share(unseen, kind)),
              "–",
              "–",
            ],
          ]
        : []),
    ],
  }
}

const same = (answer: string, reference: string): boolean => answer.trim().toLowerCase() === reference

export function captionTable(results: Results): Table {
  return {
    title: "Captions",
    text: `Scores in percent, ± one standard error, over ${results.asked.captions.length} drawings by a vendor that training never saw, of things that it saw drawn by others.`,
    columns: ["model", "BERTScore", "F1 of the words", "whole name in it", "forwards per token", "tokens/s"],
    rows: WAYS.flatMap((way) => {
      const result = resultOf(results, way, "captions")
      if (!result) return []
      const { measured, answers } = result
      const { bertscore, "word-f1": words } = measured.scores
      const named = answers.map((answer, i) => {
        const name = nameIn(results.asked.captions[i].reference)
        return Number(nameIn(answer) === name)
      })
      return [
        [
          TITLES[way],
          scored(bertscore),
          scored(words),
          withError(mean(named), named.length),
          measured.forwardsPerToken.toFixed(2),
          measured.tokensPerSecond.toFixed(0),
        ],
      ]
    }),
  }
}

/** "The picture shows this: panda. …" */
const nameIn = (caption: string): string => /^The picture shows this: ([^.]*)\./.exec(caption)?.[1] ?? ""

/** Sentences whose numbers are computed. */
export function summaryOf(results: Results, { blind }: Pick<PreparedData, "blind">): string[] {
  const [ar, block, full] = WAYS.map((way) => resultOf(results, way, "easy-vqa")?.measured)
  if (!ar || !block || !full) return []
  const accuracy = ({ scores }: Measured): number => scores.exact.value ?? 0
  const error = ({ scores }: Measured): number => scores.exact.standardError ?? 0
  const difference = (a: Measured, b: Measured): string =>
    pointsBetween(accuracy(a), accuracy(b), Math.hypot(error(a), error(b)))
  const cost = (way: Way): string => forwardsPerToken(measuredOf(results, way)).toFixed(2)
  return [
    `Held-out questions of easy-vqa: autoregressive ${percent(accuracy(ar))} %, block diffusion ${percent(accuracy(block))} % (${difference(block, ar)}), full diffusion ${percent(accuracy(full))} % (${difference(full, ar)}). Without seeing the picture ${percent(blind.byQuestion)} % can be had.`,
    `Forwards per token, over answers and captions: autoregressive ${cost("autoregressive")}, block diffusion ${cost("block-diffusion")}, full diffusion ${cost("full-diffusion")}, whose forwards go over the whole sequence.`,
  ]
}
