/** Results as the tables, curves and samples of a report. Every number in a sentence is computed. */

import { cpus } from "node:os"
import { join } from "node:path"
import { formatDuration } from "../../src/readable.js"
import { fixed, percent, pointsBetween, whole } from "../../src/report/numbers.js"
import type { Table } from "../../src/report/tables.js"
import { buildInfo } from "../../src/torch/index.js"
import { readMetrics } from "../../src/train/metrics.js"
import { denoise } from "../shared/denoise.js"
import { mean, shareError } from "../shared/numbers.js"
import { partName, partOrigins } from "../shared/part-name.js"
import type { Report, Sample } from "../shared/report-pages.js"
import { Answerer } from "./answerer.js"
import { decodingText, type Result } from "./evaluation.js"
import { type ModelName, mainDecoding } from "./plan.js"
import type { PreparedData } from "./prepare.js"
import { bySet, comparison, forwardsPerToken, ofKind, over, shown, sweep, titlesOf, tradeOff } from "./report-tables.js"
import type { Settings } from "./settings.js"
import type { Stage } from "./stages.js"

export interface ReportInput {
  settings: Settings
  given: Readonly<Record<string, string | undefined>>
  command: string
  stages: readonly Stage[]
  models: Readonly<Record<ModelName, string>>
  prepared: PreparedData
  evaluation: readonly Result[]
  times: Readonly<Record<string, number>>
}

export async function reportFrom(input: ReportInput): Promise<Report> {
  const { settings, given, evaluation, models, prepared, stages, command } = input
  const language = partName(settings.packages.model, given.model)
  const titles = titlesOf(language)
  const main = evaluation.filter(({ measurement }) => measurement.part === "main")
  const decoding = mainDecoding(settings, stages[0].config.block_diffusion.block_size)
  const translated = new Answerer(models.translated, settings)
  const own = prepared.heldOut.find(({ kind }) => kind === "own")
  return {
    title: `${language} from autoregressive to block diffusion`,
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    summary: summaryOf(main, language),
    tables: [
      comparison(main, titles),
      bySet(main, titles),
      ...(["block size", "threshold", "steps"] as const).flatMap((part) => sweep(evaluation, part)),
    ],
    compared: `${language} is trained on in two ways, with the same samples in the same order for as many steps: by block diffusion, with another attention pattern and another objective, and, as the control, autoregressively as before. The architecture and the weights both start from are the same.`,
    tradeOff: {
      title: "Forwards against quality",
      text: "Each mark is a row of the tables above: t is its threshold, s its steps per block, B its block size. Up and to the left is better.",
      what: "F1 of the words, over all sets (%)",
      label: "F1",
      series: tradeOff(evaluation),
    },
    losses: stages.map(({ title, config }) => ({
      name: title,
      line: readMetrics(join(config.output, "metrics.jsonl")).map(({ step, loss }) => ({ x: step, y: loss })),
    })),
    samples: samplesOf(main, titles, settings.evaluation.samples),
    denoising: own && {
      question: own.question,
      blocks: await denoise(
        translated.events(own.question, { maxTokens: settings.evaluation.answer_tokens, decoding }),
        (id) => translated.token(id),
      ),
    },
    facts: await factsOf(input, translated.parameters),
    command,
  }
}

function summaryOf(main: readonly Result[], language: string): string[] {
  const [base, control, translated] = (["base", "control", "translated"] as const).map((name) =>
    main.find(({ measurement }) => measurement.model === name),
  )
  if (!base || !control || !translated) return []
  const all = (result: Result, key: "choice" | "exact"): number => over(ofKind(result, "choice"), key) as number
  const n = ofKind(translated, "choice").reduce((sum, { questions }) => sum + questions, 0)
  const difference = (key: "choice" | "exact"): string => {
    const [after, before] = [all(translated, key), all(control, key)]
    return pointsBetween(after, before, Math.hypot(shareError(after, n), shareError(before, n)))
  }
  const likelihood = (result: Result): string =>
    shown(over(ofKind(result, "own"), "logLikelihood"), (value) => fixed(value, 2))
  const choices = `Held-out multiple choice (${n} questions): by likelihood ${percent(all(translated, "choice"))} %, the control ${percent(all(control, "choice"))} %, ${difference("choice")}; by the answer it writes ${percent(all(translated, "exact"))} %, the control ${percent(all(control, "exact"))} %, ${difference("exact")}. Before training: ${percent(all(base, "choice"))} % and ${percent(all(base, "exact"))} %.`
  return [
    ...(n > 0 ? [choices] : []),
    `Log-likelihood per token of answers as ${language} writes them itself, in nats: ${likelihood(translated)} after translation, ${likelihood(control)} for the control, ${likelihood(base)} before.`,
    `It takes ${forwardsPerToken(translated).toFixed(2)} forwards per token (${decodingText(translated.measurement.decoding)}); autoregressive decoding takes one.`,
  ]
}

/** One question of each set in turn, with everybody's answer. */
function samplesOf(main: readonly Result[], titles: Record<ModelName, string>, count: number): Sample[] {
  const questions = main[0]?.transcripts ?? []
  const first = [...new Set(questions.map(({ set }) => set))].reverse().map((set) => {
    return questions.findIndex((transcript) => transcript.set === set)
  })
  return first.slice(0, count).map((index) => ({
    about: questions[index].set,
    question: questions[index].question,
    answers: [
      { of: "reference", text: questions[index].reference },
      ...main.map(({ measurement, transcripts }) => ({
        of: titles[measurement.model],
        text: transcripts[index].answer,
      })),
    ],
  }))
}

async function factsOf(
  { settings, given, prepared, stages, times, evaluation }: ReportInput,
  parameters: number,
): Promise<Table[]> {
  const learned = stages.map(({ title, config }) => {
    const metrics = readMetrics(join(config.output, "metrics.jsonl"))
    const perStep = mean(metrics.map(({ tokensPerSecond }) => tokensPerSecond))
    return [title, `${metrics.length} steps of ${config.train.micro_batch_size} samples, ${whole(perStep)} tokens/s`]
  })
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
        ...Object.entries(times).map(([part, seconds]) => [`time, ${part}`, formatDuration(seconds)]),
        ["time, all", formatDuration(Object.values(times).reduce((sum, each) => sum + each, 0))],
        ...partOrigins(settings.packages, given),
        ["processor", `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores`],
        ["libtorch", buildInfo().torchVersion],
      ],
    },
  ]
}
