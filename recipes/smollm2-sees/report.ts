/** Results as the tables, curves and samples of a report. Every number in a sentence is computed. */

import { readFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { decode } from "../../src/generate/generate.js"
import { preparePrompt } from "../../src/generate/prepare.js"
import { loadSession } from "../../src/generate/session.js"
import type { DecodingOptions } from "../../src/paradigms/decoding-options.js"
import { formatDuration } from "../../src/readable.js"
import { whole } from "../../src/report/numbers.js"
import type { Table } from "../../src/report/tables.js"
import { buildInfo } from "../../src/torch/index.js"
import { readMetrics } from "../../src/train/metrics.js"
import { denoise } from "../shared/denoise.js"
import { mean } from "../shared/numbers.js"
import { partName, partOrigins } from "../shared/part-name.js"
import type { Report, Sample } from "../shared/report-pages.js"
import type { Results } from "./evaluation.js"
import { decodingOf, type ModelName, type PictureSet } from "./plan.js"
import type { PreparedData } from "./prepare.js"
import { byKind, captionTable, comparison, resultOf, summaryOf, TITLES } from "./report-tables.js"
import type { Given, Settings } from "./settings.js"
import { type Stage, WAYS } from "./stages.js"

export interface ReportInput {
  settings: Settings
  given: Readonly<Partial<Record<Given, string>>>
  command: string
  stages: readonly Stage[]
  models: Readonly<Record<ModelName, string>>
  data: PreparedData
  results: Results
  times: Readonly<Record<string, number>>
}

export async function reportFrom(input: ReportInput): Promise<Report> {
  const { settings, given, data, results, stages, command } = input
  const { packages } = settings
  const language = partName(packages.model, given.model)
  const tower = partName(packages.tower, given.tower)
  return {
    title: `${language} learns to see with ${tower}`,
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    summary: summaryOf(results, data),
    compared: `A language model, ${language}, and a vision tower, ${tower}, get a connector between them. It alone learns first, from captions. From there the language model learns with it in three ways, from the same samples in the same order for as many steps: autoregressively as LLaVA, by block diffusion as DiffusionVL, and by full diffusion as LLaDA-V. The tower stays as it is.`,
    tables: [comparison(results, language), byKind(results, data), captionTable(results)],
    losses: stages.map(({ title, config }) => ({
      name: title,
      line: readMetrics(join(config.output, "metrics.jsonl")).map(({ step, loss }) => ({ x: step, y: loss })),
    })),
    samples: [
      ...samplesOf(results, "captions", settings.evaluation.samples / 2),
      ...samplesOf(results, "easy-vqa", settings.evaluation.samples / 2),
    ],
    denoising: await denoised(input),
    facts: factsOf(input),
    command,
  }
}

function samplesOf(results: Results, set: PictureSet, count: number): Sample[] {
  return results.asked[set].slice(0, Math.floor(count)).map(({ question, picture, reference }, i) => ({
    about: set,
    picture: `data:image/png;base64,${readFileSync(picture).toString("base64")}`,
    question,
    answers: [
      { of: "reference", text: reference },
      ...WAYS.flatMap((way) => {
        const answer = resultOf(results, way, set)?.answers[i]
        return answer === undefined ? [] : [{ of: TITLES[way], text: answer }]
      }),
    ],
  }))
}

/** The first caption, as block diffusion writes it. */
async function denoised({ settings, models, results }: ReportInput): Promise<Report["denoising"]> {
  const [asked] = results.asked.captions
  if (!asked) return undefined
  const session = loadSession(models["block-diffusion"], { dtype: settings.dtype })
  const prompt = await preparePrompt(session, asked.messages, [asked.picture])
  const decoding = decodingOf("block-diffusion", "captions", settings)
  const events = decode(session, prompt, { temperature: 0, ...decoding })
  const blocks = await denoise(events, (id) => session.tokenizer.decode(Int32Array.of(id)))
  return { question: asked.question, blocks }
}

/** "at most 8 tokens, blocks of 8 in at most 8 steps, sequential_dynamic from 0.6" */
function decodingIn({ maxTokens, blockSize, steps, strategy, threshold }: DecodingOptions): string {
  const blocks = blockSize === undefined ? "one token a forward" : `blocks of ${blockSize} in at most ${steps} steps`
  const order = strategy === undefined ? "" : `, ${strategy}${threshold === undefined ? "" : ` from ${threshold}`}`
  return `at most ${maxTokens} tokens, ${blocks}${order}`
}

function factsOf({ settings, given, stages, data, times }: ReportInput): Table[] {
  const { counts } = data
  const trained = stages.map(({ title, config }) => {
    const metrics = readMetrics(join(config.output, "metrics.jsonl"))
    const samples = config.train.micro_batch_size * config.train.accumulate
    const perSecond = mean(metrics.map(({ tokensPerSecond }) => tokensPerSecond))
    const copies = config.block_diffusion?.copies ?? 1
    const noise = copies > 1 ? `, each with ${copies} draws of noise` : ""
    return [title, `${metrics.length} steps of ${samples} samples${noise}, ${whole(perSecond)} tokens/s`]
  })
  const decoded = WAYS.flatMap((way) =>
    (["easy-vqa", "captions"] as const).map((set) => [
      `decoding of ${set}, ${TITLES[way]}`,
      decodingIn(decodingOf(way, set, settings)),
    ]),
  )
  return [
    {
      title: "Data",
      columns: ["", "trained on", "held out"],
      rows: [
        [
          "easy-vqa (MIT)",
          `${counts.conversations} conversations about ${counts.pictures} pictures`,
          `${counts.questions} questions about others`,
        ],
        [
          "drawings of emoji, with names and descriptions",
          `${counts.captions} drawings${settings.drawing_repeats > 1 ? `, each ${settings.drawing_repeats} times` : ""}`,
          `${counts.heldOutCaptions} drawings by another vendor`,
        ],
        ...(given.stamps === undefined
          ? []
          : [["stamps of Tux Paint (GPL-2)", `${counts.stamps} captioned pictures`, "–"]]),
        ["OpenBookQA, BoolQ", "–", `${data.text.length} questions`],
      ],
    },
    {
      title: "Run",
      columns: ["", ""],
      rows: [
        ...trained,
        ...decoded,
        ...Object.entries(times).map(([part, seconds]) => [`time, ${part}`, formatDuration(seconds)]),
        ["time, all", formatDuration(Object.values(times).reduce((sum, each) => sum + each, 0))],
        ...partOrigins(settings.packages, given),
        ...(given.stamps === undefined ? [] : [["stamps", given.stamps]]),
        ["processor", `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores`],
        ["libtorch", buildInfo().torchVersion],
      ],
    },
  ]
}
