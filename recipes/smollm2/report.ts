/** Results as the tables, curves and samples of a report. Every number in a sentence is computed. */

import { cpus } from "node:os"
import { join } from "node:path"
import type { DenoiseStep } from "../../src/report/denoise-view.js"
import type { Series } from "../../src/report/svg.js"
import { buildInfo } from "../../src/torch/index.js"
import { readMetrics } from "../../src/train/metrics.js"
import { Answerer } from "./answerer.js"
import { denoise } from "./denoise.js"
import type { SetScores } from "./evaluate.js"
import { decodingText, type Result } from "./evaluation.js"
import { mean, shareError } from "./metrics.js"
import { type ModelName, mainDecoding } from "./plan.js"
import type { PreparedData } from "./run.js"
import type { Settings } from "./settings.js"
import type { Question } from "./sources.js"
import type { Stage } from "./stages.js"

export interface Table {
  title: string
  text?: string
  columns: string[]
  rows: string[][]
}

export interface Sample {
  set: string
  question: string
  answers: { of: string; text: string }[]
}

export interface Report {
  title: string
  date: string
  summary: string[]
  tables: Table[]
  /** Forwards per token against quality. */
  tradeOff: Series[]
  losses: Series[]
  samples: Sample[]
  denoising?: { question: string; blocks: DenoiseStep[][] }
  facts: Table[]
  command: string
}

export interface ReportInput {
  settings: Settings
  folder: string
  command: string
  stages: readonly Stage[]
  models: Readonly<Record<ModelName, string>>
  prepared: PreparedData
  evaluation: readonly Result[]
  times: Readonly<Record<string, number>>
}

export const TITLES: Record<ModelName, string> = {
  base: "SmolLM2 as it is",
  control: "autoregressive control",
  translated: "block diffusion",
}

const percent = (share: number): string => (100 * share).toFixed(1)
const forwardsPerToken = ({ scores }: Result): number => scores.forwards / Math.max(1, scores.tokens)
const ofKind = (result: Result, kind: Question["kind"]): SetScores[] =>
  result.scores.sets.filter((set) => set.kind === kind)

/** Mean over the questions of some sets. */
function over(sets: readonly SetScores[], key: "exact" | "wordF1" | "choice" | "logLikelihood"): number | undefined {
  const known = sets.filter((set) => set[key] !== undefined)
  const questions = known.reduce((sum, set) => sum + set.questions, 0)
  return questions === 0
    ? undefined
    : known.reduce((sum, set) => sum + (set[key] as number) * set.questions, 0) / questions
}
const shown = (value: number | undefined, write: (value: number) => string): string =>
  value === undefined ? "–" : write(value)

export async function reportFrom(input: ReportInput): Promise<Report> {
  const { settings, evaluation, models, prepared, stages, command } = input
  const main = evaluation.filter(({ measurement }) => measurement.part === "main")
  const decoding = mainDecoding(settings, stages[0].config.block_diffusion.block_size)
  const translated = new Answerer(models.translated, settings)
  const own = prepared.heldOut.find(({ kind }) => kind === "own")
  return {
    title: "SmolLM2 from autoregressive to block diffusion",
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    summary: summaryOf(main),
    tables: [
      comparison(main),
      bySet(main),
      ...(["block size", "threshold", "steps"] as const).flatMap((part) => sweep(evaluation, part)),
    ],
    tradeOff: tradeOff(evaluation),
    losses: stages.map(({ title, config }) => ({
      name: title,
      line: readMetrics(join(config.output, "metrics.jsonl")).map(({ step, loss }) => ({ x: step, y: loss })),
    })),
    samples: samplesOf(main, settings.evaluation.samples),
    denoising: own && {
      question: own.question,
      blocks: await denoise(translated, own.question, { maxTokens: settings.evaluation.answer_tokens, decoding }),
    },
    facts: await factsOf(input, translated.parameters),
    command,
  }
}

function summaryOf(main: readonly Result[]): string[] {
  const [base, control, translated] = (["base", "control", "translated"] as const).map((name) =>
    main.find(({ measurement }) => measurement.model === name),
  )
  if (!base || !control || !translated) return []
  const all = (result: Result, key: "choice" | "exact"): number => over(ofKind(result, "choice"), key) as number
  const n = ofKind(translated, "choice").reduce((sum, { questions }) => sum + questions, 0)
  const difference = (key: "choice" | "exact"): string => {
    const points = 100 * (all(translated, key) - all(control, key))
    const error = 100 * Math.hypot(...[translated, control].map((result) => shareError(all(result, key), n)))
    return `${points >= 0 ? "+" : "−"}${Math.abs(points).toFixed(1)} points (± ${error.toFixed(1)})`
  }
  const likelihood = (result: Result): string =>
    shown(over(ofKind(result, "own"), "logLikelihood"), (value) => value.toFixed(2))
  const choices = `Held-out multiple choice (${n} questions): by likelihood ${percent(all(translated, "choice"))} %, the control ${percent(all(control, "choice"))} %, ${difference("choice")}; by the answer it writes ${percent(all(translated, "exact"))} %, the control ${percent(all(control, "exact"))} %, ${difference("exact")}. Before training: ${percent(all(base, "choice"))} % and ${percent(all(base, "exact"))} %.`
  return [
    ...(n > 0 ? [choices] : []),
    `Log-likelihood per token of answers as SmolLM2 writes them itself, in nats: ${likelihood(translated)} after translation, ${likelihood(control)} for the control, ${likelihood(base)} for SmolLM2.`,
    `It takes ${forwardsPerToken(translated).toFixed(2)} forwards per token (${decodingText(translated.measurement.decoding)}); autoregressive decoding takes one.`,
  ]
}

function comparison(main: readonly Result[]): Table {
  return {
    title: "Held-out questions",
    text: "Choice: one of the options that the question lists; by likelihood the likeliest whole answer, else the answer that is written, word for word. Open: the answers of the sets' authors. Own: what SmolLM2 itself answers, greedily; F1 is of the words. Log-likelihoods are per token, in nats, ends of answers included; those of block diffusion are of filling each block from left to right.",
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
      "forwards/token",
    ],
    rows: main.map((result) => {
      const [choice, open, own] = (["choice", "open", "own"] as const).map((kind) => ofKind(result, kind))
      return [
        TITLES[result.measurement.model],
        decodingText(result.measurement.decoding),
        shown(over(choice, "choice"), percent),
        shown(over(choice, "exact"), percent),
        shown(over(open, "exact"), percent),
        shown(over(open, "wordF1"), percent),
        shown(over(own, "wordF1"), percent),
        shown(over([...choice, ...open], "logLikelihood"), (value) => value.toFixed(3)),
        shown(over(own, "logLikelihood"), (value) => value.toFixed(3)),
        forwardsPerToken(result).toFixed(2),
      ]
    }),
  }
}

function bySet(main: readonly Result[]): Table {
  const models = main.map(({ measurement }) => TITLES[measurement.model])
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
        const likely = shown(logLikelihood, (value) => value.toFixed(2))
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

function sweep(evaluation: readonly Result[], part: keyof typeof SWEEPS): Table[] {
  const results = evaluation.filter(({ measurement }) => measurement.part === part)
  if (results.length === 0) return []
  const asked = results[0].scores.sets.reduce((sum, { questions }) => sum + questions, 0)
  return [
    {
      title: { "block size": "Block sizes", threshold: "Thresholds", steps: "Steps per block" }[part],
      text: `${SWEEPS[part]} ${asked} questions, the first of each set.`,
      columns: [
        "decoding",
        ...(part === "block size" ? ["choice by likelihood", "log-lik. reference", "log-lik. own"] : []),
        "choice written",
        "open F1",
        "own F1",
        "forwards/token",
      ],
      rows: results.map((result) => {
        const [choice, open, own] = (["choice", "open", "own"] as const).map((kind) => ofKind(result, kind))
        const likely = [
          shown(over(choice, "choice"), percent),
          shown(over([...choice, ...open], "logLikelihood"), (value) => value.toFixed(3)),
          shown(over(own, "logLikelihood"), (value) => value.toFixed(3)),
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
function tradeOff(evaluation: readonly Result[]): Series[] {
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

/** One question of each set in turn, with everybody's answer. */
function samplesOf(main: readonly Result[], count: number): Sample[] {
  const questions = main[0]?.transcripts ?? []
  const first = [...new Set(questions.map(({ set }) => set))].reverse().map((set) => {
    return questions.findIndex((transcript) => transcript.set === set)
  })
  return first.slice(0, count).map((index) => ({
    set: questions[index].set,
    question: questions[index].question,
    answers: [
      { of: "reference", text: questions[index].reference },
      ...main.map(({ measurement, transcripts }) => ({
        of: TITLES[measurement.model],
        text: transcripts[index].answer,
      })),
    ],
  }))
}

async function factsOf(
  { settings, prepared, stages, times, evaluation }: ReportInput,
  parameters: number,
): Promise<Table[]> {
  const learned = stages.map(({ title, config }) => {
    const metrics = readMetrics(join(config.output, "metrics.jsonl"))
    const perStep = mean(metrics.map(({ tokensPerSecond }) => tokensPerSecond))
    return [
      title,
      `${metrics.length} steps of ${config.train.micro_batch_size} samples, ${perStep.toFixed(0)} tokens/s`,
    ]
  })
  const minutes = (seconds: number): string => `${(seconds / 60).toFixed(1)} min`
  return [
    {
      title: "Data",
      text: "Duplicates are left out, and passages or questions that are held out are nowhere trained on.",
      columns: ["set", "file", "licence", "records", "unfit", "duplicates", "trained on", "held out"],
      rows: prepared.facts.map(({ set, file, licence, records, unfit, duplicates, train, heldOut }) => [
        set,
        file,
        licence,
        ...[records, unfit, duplicates, train, heldOut].map(String),
      ]),
    },
    {
      title: "Run",
      columns: ["", ""],
      rows: [
        ["parameters", parameters.toLocaleString("en")],
        [
          "own answers",
          `${prepared.own.prompts} prompts, ${prepared.own.tokens} tokens; ${prepared.own.unended} did not end and are left out`,
        ],
        ["training samples", String(prepared.train.length)],
        ...learned,
        ["measurements", String(evaluation.length)],
        ...Object.entries(times).map(([part, seconds]) => [`time, ${part}`, minutes(seconds)]),
        ["time, all", minutes(Object.values(times).reduce((sum, each) => sum + each, 0))],
        ["model", settings.packages.model],
        ["questions", settings.packages.data],
        ["processor", `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores`],
        ["libtorch", buildInfo().torchVersion],
      ],
    },
  ]
}
