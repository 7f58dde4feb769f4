/** What the demo's report is made from: plain data, as the evaluation writes it. Shares lie between 0 and 1. */

import type { DenoiseStep } from "../../../src/report/denoise-view.js"
import type { Spread } from "../../../src/report/spread.js"

export interface DemoReportData {
  title: string
  /** Name of the recipe: "quick", "full". */
  setting: string
  /** When it was made, as text. */
  date: string
  models: ReportModel[]
  /** The held-out sets, the main one first. */
  sets: { id: string; title: string; pictures: number }[]
  evaluations: Evaluation[]
  /** Losses over time; one chart each. */
  curves: TrainingCurves[]
  samples: Sample[]
  denoising: Denoising[]
  /** Pairs of name and value. */
  settings: [name: string, value: string][]
  hardware: [name: string, value: string][]
  /** Pairs of what was counted and how many. */
  data: [name: string, value: string][]
  licences: { vendor: string; author: string; licence: string; url: string }[]
  /** What to type to get this report again. */
  commands: string[]
}

export interface ReportModel {
  id: string
  title: string
  paradigm: "autoregressive" | "block-diffusion"
  /** "control": the autoregressive model that saw as many samples as the translated ones; all are compared with it. */
  role: "first-stage" | "control" | "translated"
  /** Of block diffusion: which hidden state predicts a token. */
  shift?: "next" | "same"
  parameters: number
  /** Training time in seconds and optimizer steps of this run; not of a model that was there before it. */
  seconds?: number
  steps?: number
}

export type EvaluationPart = "main" | "remasking" | "block-size" | "steps" | "threshold"

export interface Evaluation {
  /** Id of the model. */
  model: string
  /** Id of the set. */
  set: string
  /** "main": the one that stands for the model; else only this is varied. */
  part: EvaluationPart
  /** How it decoded; nothing for an autoregressive model. */
  decoding?: { blockSize: number; steps: number; threshold?: number; strategy?: string }
  name?: TaskResult & { exact: number }
  choose?: TaskResult & { greedy: number; likelihood?: number }
  describe?: TaskResult & { tokenF1: number; nameInside: number }
  /** Of descriptions, measured in turns with all others. */
  speed?: {
    /** Tokens up to and with the first EOS, over the time of decoding. */
    tokensPerSecond: Spread
    /** Over the control's of the same round. */
    ratio: Spread
    rounds: number
  }
}

export interface TaskResult {
  questions: number
  /** Forward passes over tokens, both up to the first EOS. */
  forwardsPerToken: number
}

export interface TrainingCurves {
  title: string
  /** @default "minutes" */
  xLabel?: string
  yLabel: string
  series: { name: string; points: [x: number, y: number][] }[]
}

export interface Sample {
  /** A data URI. */
  image: string
  concept: string
  /** Title of the set it is from. */
  set: string
  questions: {
    question: string
    reference: string
    answers: { model: string; text: string; right: boolean }[]
  }[]
}

export interface Denoising {
  /** Id of the model. */
  model: string
  question: string
  /** A data URI. */
  image?: string
  /** The whole answer. */
  answer: string
  /** How it decoded, as text: "block 8, threshold 0.9". */
  decoding: string
  /** Blocks of one answer, in order, counted from 0. */
  blocks: { block: number; steps: DenoiseStep[] }[]
}

/** How a model decoded, in few words. */
export function decodingText(decoding: Evaluation["decoding"]): string {
  if (!decoding) return "token by token"
  const { blockSize, steps, threshold, strategy } = decoding
  if (threshold === undefined) return `block ${blockSize}, ${steps} steps`
  const order = strategy === undefined ? "" : strategy === "sequential_dynamic" ? ", sequential" : ", low confidence"
  return `block ${blockSize}, threshold ${threshold}${order}`
}

/** The evaluations of one set and these parts, by model in the order of the models. */
export function evaluationsOf(data: DemoReportData, set: string, ...parts: EvaluationPart[]) {
  return data.models.flatMap((model) =>
    data.evaluations
      .filter((entry) => entry.set === set && parts.includes(entry.part) && entry.model === model.id)
      .map((evaluation) => ({ model, evaluation })),
  )
}
