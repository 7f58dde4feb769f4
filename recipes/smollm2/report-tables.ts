/** The tables and the trade-off of a report, from what was measured. */

import { fixed, percent, percentWithin } from "../../src/report/numbers.js"
import type { Series } from "../../src/report/svg.js"
import type { Table } from "../../src/report/tables.js"
import { shareError } from "../shared/numbers.js"
import type { SetScores } from "./evaluate.js"
import { decodingText, type Result } from "./evaluation.js"
import type { ModelName } from "./plan.js"
import type { Question } from "./sources.js"

/** @param language what the model that is translated is called */
export const titlesOf = (language: string): Record<ModelName, string> => ({
  base: `${language} as it is`,
  control: "autoregressive control",
  translated: "block diffusion",
})

export const forwardsPerToken = ({ scores }: Result): number => scores.forwards / Math.max(1, scores.tokens)
export const ofKind = (result: Result, kind: Question["kind"]): SetScores[] =>
  result.scores.sets.filter((set) => set.kind === kind)

/** Mean over the questions of some sets. */
export function over(
  sets: readonly SetScores[],
  key: "exact" | "wordF1" | "choice" | "logLikelihood",
): number | undefined {
  const known = sets.filter((set) => set[key] !== undefined)
  const questions = known.reduce((sum, set) => sum + set.questions, 0)
  return questions === 0
    ? undefined
    : known.reduce((sum, set) => sum + (set[key] as number) * set.questions, 0) / questions
}
/** The share of right answers, with its standard error. */
function rightOf(sets: readonly SetScores[], key: "exact" | "choice"): string {
  const known = sets.filter((set) => set[key] !== undefined)
  const questions = known.reduce((sum, set) => sum + set.questions, 0)
  return shown(over(known, key), (share) => percentWithin(share, shareError(share, questions)))
}

export const shown = (value: number | undefined, write: (value: number) => string): string =>
  value === undefined ? "–" : write(value)

export function comparison(main: readonly Result[], titles: Record<ModelName, string>): Table {
  return {
    title: "Held-out questions",
    text: "Scores in percent; where an answer is right or wrong, ± one standard error. Choice: one of the options that the question lists; by likelihood the likeliest whole answer, else the answer that is written, word for word. Open: the answers of the sets' authors. Own: what the model itself answers before training, greedily; F1 is of the words. Log-likelihoods are per token, in nats, ends of answers included; those of block diffusion are of filling each block from left to right.",
    columns: [
      "model",
      "decoding",
      "choice by likelihood",
      "choice written",
      "open exact",
      "open F1",
      "own F1",
      "log-lik. reference",
      "log-lik. own",
      "forwards per token",
    ],
    rows: main.map((result) => {
      const [choice, open, own] = (["choice", "open", "own"] as const).map((kind) => ofKind(result, kind))
      return [
        titles[result.measurement.model],
        decodingText(result.measurement.decoding),
        rightOf(choice, "choice"),
        rightOf(choice, "exact"),
        rightOf(open, "exact"),
        shown(over(open, "wordF1"), percent),
        shown(over(own, "wordF1"), percent),
        shown(over([...choice, ...open], "logLikelihood"), (value) => fixed(value, 3)),
        shown(over(own, "logLikelihood"), (value) => fixed(value, 3)),
        forwardsPerToken(result).toFixed(2),
      ]
    }),
  }
}

export function bySet(main: readonly Result[], titles: Record<ModelName, string>): Table {
  const models = main.map(({ measurement }) => titles[measurement.model])
  const sets = main[0]?.scores.sets ?? []
  return {
    title: "By set",
    text: "Choice by likelihood / answer written exactly (own answers: F1 of the words), then log-likelihood per token.",
    columns: ["set", "questions", ...models],
    rows: sets.map(({ set, questions }, i) => [
      set,
      String(questions),
      ...main.map(({ scores }) => {
        const { kind, choice, exact, wordF1, logLikelihood } = scores.sets[i]
        const rate = kind === "own" ? percent(wordF1) : percent(exact)
        const likely = shown(logLikelihood, (value) => fixed(value, 2))
        return `${choice === undefined ? "" : `${percent(choice)} / `}${rate} · ${likely}`
      }),
    ]),
  }
}

const SWEEPS = {
  "block size": "The same weights, decoded in blocks of other sizes than the one they were trained with.",
  threshold: "Every token above the threshold becomes final in a step, or else one.",
  steps: "A fixed number of steps per block: each makes the most confident tokens final, sure or not.",
}

export function sweep(evaluation: readonly Result[], part: keyof typeof SWEEPS): Table[] {
  const results = evaluation.filter(({ measurement }) => measurement.part === part)
  if (results.length === 0) return []
  const asked = results[0].scores.sets.reduce((sum, { questions }) => sum + questions, 0)
  return [
    {
      title: { "block size": "Block sizes", threshold: "Thresholds", steps: "Steps per block" }[part],
      text: `${SWEEPS[part]} ${asked} questions, the first of each set; scores in percent.`,
      columns: [
        "decoding",
        ...(part === "block size" ? ["choice by likelihood", "log-lik. reference", "log-lik. own"] : []),
        "choice written",
        "open F1",
        "own F1",
        "forwards per token",
      ],
      rows: results.map((result) => {
        const [choice, open, own] = (["choice", "open", "own"] as const).map((kind) => ofKind(result, kind))
        const likely = [
          shown(over(choice, "choice"), percent),
          shown(over([...choice, ...open], "logLikelihood"), (value) => fixed(value, 3)),
          shown(over(own, "logLikelihood"), (value) => fixed(value, 3)),
        ]
        return [
          decodingText(result.measurement.decoding),
          ...(part === "block size" ? likely : []),
          shown(over(choice, "exact"), percent),
          shown(over(open, "wordF1"), percent),
          shown(over(own, "wordF1"), percent),
          forwardsPerToken(result).toFixed(2),
        ]
      }),
    },
  ]
}

/** F1 over all sets against forwards per token, of everything that was asked the questions of the sweeps. */
export function tradeOff(evaluation: readonly Result[]): Series[] {
  return (["threshold", "steps", "block size"] as const).map((part) => {
    const points = evaluation
      .filter(({ measurement }) => measurement.part === part)
      .map((result) => {
        const { threshold, steps, blockSize } = result.measurement.decoding!
        const label = { threshold: `t ${threshold}`, steps: `s ${steps}`, "block size": `B ${blockSize}` }[part]
        return { x: forwardsPerToken(result), y: 100 * (over(result.scores.sets, "wordF1") as number), label }
      })
    return {
      name: { threshold: "thresholds", steps: "fixed steps", "block size": "block sizes" }[part],
      points,
      line: points,
    }
  })
}
