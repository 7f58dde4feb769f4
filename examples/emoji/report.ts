/** The demo's files and results as the data of its report. */

import { readFile } from "node:fs/promises"
import { cpus } from "node:os"
import { dirname, join } from "node:path"
import { openTensors } from "../../src/checkpoint/safetensors/safetensors.js"
import type { DenoiseStep } from "../../src/report/denoise-view.js"
import { dataUri } from "../../src/report/html.js"
import { buildInfo, engineInfo } from "../../src/torch/index.js"
import { readMetrics, type StepMetrics } from "../../src/train/metrics.js"
import { DemoAnswerer, openDemoModel } from "./answerer.js"
import { type EmojiData, readEmojiRecords } from "./data/prepare.js"
import type { EmojiRecord } from "./data/records.js"
import type { DemoEvaluation, SpeedResult } from "./evaluation.js"
import { type Contender, mainDecoding, type SetId } from "./plan.js"
import { type DemoRecipe, SCRATCH } from "./recipe.js"
import {
  type DemoReportData,
  type Denoising,
  decodingText,
  type Evaluation,
  type ReportModel,
  type Sample,
  type TrainingCurves,
} from "./report/demo-report-data.js"
import { type Stage, type StageName, stageTitle } from "./stages.js"

const SET_TITLES: Record<SetId, string> = {
  vendor: "a vendor never seen in training (twemoji)",
  pictures: "held-out pictures of the other vendors",
}
const SAMPLE_PICTURES = 8

interface ReportInput extends DemoEvaluation {
  recipe: DemoRecipe
  setting: string
  command: string
  /** Folders of the models; the one that was translated first. */
  models: Readonly<Record<string, string>>
  data: EmojiData
  stages: readonly Stage[]
}

export async function reportData(input: ReportInput): Promise<DemoReportData> {
  const { recipe, setting, command, models, data, stages, results, speeds } = input
  const metrics = new Map(stages.map((stage) => [stage.name, readMetrics(join(stage.config.output, "metrics.jsonl"))]))
  const { pictures } = data.counts
  return {
    title: "From autoregressive to block diffusion, on emoji",
    setting,
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    models: Object.keys(models).map((name) => reportModel(name as StageName, input, metrics)),
    sets: (["vendor", "pictures"] as const).map((id) => ({
      id,
      title: SET_TITLES[id],
      pictures: id === "vendor" ? pictures.heldOutVendor : pictures.heldOutPictures,
    })),
    evaluations: results.map(
      ({ measurement: { model, set, part, decoding }, scores }): Evaluation => ({
        model,
        set,
        part,
        decoding,
        ...scores,
        ...(set === "vendor" && { speed: speedOf(speeds, { model, decoding }) }),
      }),
    ),
    curves: curves(stages, metrics),
    samples: await samples(input),
    denoising: await denoising(input),
    settings: [
      ["concepts", String(data.counts.concepts)],
      ["pictures", `${recipe.data.size} × ${recipe.data.size}`],
      ["translated from", recipe.start === SCRATCH ? "a model trained from scratch" : recipe.start],
      ...(recipe.start === SCRATCH
        ? [["training from scratch", `${recipe.stages.autoregressive.steps} steps`] as [string, string]]
        : []),
      ["translation and control", `${recipe.stages.diffusion.steps} steps of ${recipe.training.batch} pictures each`],
      ["seed", String(recipe.training.seed)],
      ["parts trained there", recipe.stages.diffusion.tunable.join(", ")],
      ["block size", String(recipe.stages.diffusion.block_diffusion.block_size)],
      ["noise", recipe.stages.diffusion.block_diffusion.noise],
      ["learned tokens", recipe.stages.diffusion.block_diffusion.learn],
      ["compute type", recipe.training.dtype],
    ],
    hardware: [
      ["processor", cpus()[0]?.model ?? "unknown"],
      ["threads", String(engineInfo().threads)],
      ["instructions", engineInfo().cpuCapability],
      ["libtorch", buildInfo().torchVersion],
    ],
    data: [
      ["training pictures", String(pictures.train)],
      ["training records", String(data.counts.records.train)],
      ["pictures of the held-out vendor", String(pictures.heldOutVendor)],
      ["held-out pictures of the others", String(pictures.heldOutPictures)],
    ],
    licences: data.licences,
    commands: [command],
  }
}

function speedOf(speeds: readonly SpeedResult[], { model, decoding }: Contender): SpeedResult["speed"] | undefined {
  const same = (other: Contender): boolean =>
    other.model === model && JSON.stringify(other.decoding) === JSON.stringify(decoding)
  return speeds.find(({ contender }) => same(contender))?.speed
}

function reportModel(
  name: StageName,
  { models, stages }: ReportInput,
  metrics: ReadonlyMap<string, StepMetrics[]>,
): ReportModel {
  const config = stages.find((stage) => stage.name === name)?.config
  const log = metrics.get(name) ?? []
  const last = log[log.length - 1]
  return {
    id: name,
    title: name === "autoregressive" ? "autoregressive, before translation" : stageTitle(name),
    paradigm: config?.paradigm === "block-diffusion" ? "block-diffusion" : "autoregressive",
    role: name === "autoregressive" ? "first-stage" : name === "control" ? "control" : "translated",
    ...(config?.paradigm === "block-diffusion" && { shift: config.block_diffusion.shift }),
    parameters: parameterCount(models[name]),
    // A model that was there before has no training of its own here.
    ...(last && { seconds: last.seconds, steps: last.step + 1 }),
  }
}

/** Elements of all weights, from the headers alone. */
export function parameterCount(folder: string): number {
  return [...openTensors(folder).values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
}

/** Losses averaged over windows, so that a chart has at most 150 points. */
function curves(stages: readonly Stage[], metrics: ReadonlyMap<string, StepMetrics[]>): TrainingCurves[] {
  const smooth = (log: readonly StepMetrics[]): [number, number][] => {
    const window = Math.max(1, Math.ceil(log.length / 150))
    const points: [number, number][] = []
    for (let i = 0; i + window <= log.length; i += window) {
      const part = log.slice(i, i + window)
      points.push([part[part.length - 1].step + 1, part.reduce((sum, { loss }) => sum + loss, 0) / window])
    }
    return points
  }
  const series = (paradigm: string): TrainingCurves["series"] =>
    stages
      .filter(({ config }) => config.paradigm === paradigm)
      .map(({ name, title }) => ({ name: title, points: smooth(metrics.get(name) ?? []) }))
  return [
    { title: "Autoregressive training", xLabel: "steps", yLabel: "cross entropy", series: series("autoregressive") },
    {
      title: "Block-diffusion training",
      xLabel: "steps",
      yLabel: "weighted cross entropy",
      series: series("block-diffusion"),
    },
  ]
}

const questionOf = (record: EmojiRecord): string => record.conversations[0].value.replace("<image>\n", "")

async function samples({ data, results }: ReportInput): Promise<Sample[]> {
  const main = results.filter(({ measurement }) => measurement.part === "main" && measurement.set === "vendor")
  const names = main[0]?.transcripts.filter(({ record }) => record.task === "name") ?? []
  const every = Math.max(1, Math.floor(names.length / SAMPLE_PICTURES))
  const chosen = names.filter((_, i) => i % every === 0).slice(0, SAMPLE_PICTURES)
  return Promise.all(
    chosen.map(async ({ record: { image, concept } }): Promise<Sample> => {
      const asked = main[0].transcripts.filter(({ record }) => record.image === image)
      return {
        image: dataUri(await readFile(join(dirname(data.heldOutVendor), image))),
        concept,
        set: SET_TITLES.vendor,
        questions: asked.map(({ record }) => ({
          question: questionOf(record),
          reference: record.answer,
          answers: main.flatMap(({ measurement, transcripts }) =>
            transcripts
              .filter((t) => t.record.id === record.id)
              .map(({ text, right }) => ({ model: measurement.model, text, right })),
          ),
        })),
      }
    }),
  )
}

/** One description of the held-out vendor while it comes about, for every translated model. */
async function denoising({ data, models, recipe, stages }: ReportInput): Promise<Denoising[]> {
  const record = (await readEmojiRecords(data.heldOutVendor)).find(({ task }) => task === "describe")
  if (!record) return []
  const decoding = mainDecoding(recipe)
  const views: Denoising[] = []
  for (const { name } of stages.filter(({ config }) => config.paradigm === "block-diffusion")) {
    const answerer = new DemoAnswerer(openDemoModel(models[name]), data.heldOutVendor, decoding)
    views.push({
      model: name,
      question: questionOf(record),
      image: dataUri(await readFile(join(dirname(data.heldOutVendor), record.image))),
      decoding: decodingText(decoding),
      ...(await trace(answerer, record)),
    })
  }
  return views
}

async function trace(answerer: DemoAnswerer, record: EmojiRecord): Promise<Pick<Denoising, "answer" | "blocks">> {
  const blocks = new Map<number, DenoiseStep[]>()
  const known = new Map<number, string>()
  let answer = ""
  for await (const event of answerer.events(record)) {
    if (event.type === "done") answer = answerer.session.tokenizer.decode(event.ids.slice(0, event.eosIndex))
    if (event.type !== "step") continue
    const predicted = new Map(Array.from(event.positions, (position, i) => [position, i]))
    const cells: DenoiseStep["cells"][number][] = []
    for (let position = event.start; position < event.end; position++) {
      const i = predicted.get(position)
      // Rows of the prompt share its last block.
      if (i === undefined) {
        if (known.has(position)) cells.push({ text: known.get(position)!, state: "fixed" })
        continue
      }
      const text = answerer.session.tokenizer.decode([event.ids[i]], { skipSpecial: false })
      const fixed = event.fixed.includes(position)
      if (fixed) known.set(position, text)
      cells.push({ text, state: fixed ? "new" : "masked", confidence: event.confidences[i] })
    }
    const steps = blocks.get(event.block) ?? []
    steps.push({ step: event.step + 1, cells })
    blocks.set(event.block, steps)
  }
  const first = Math.min(...blocks.keys())
  return { answer, blocks: [...blocks].map(([block, steps]) => ({ block: block - first, steps })) }
}
