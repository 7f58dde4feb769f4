/** How an answer is asked for, as typed into a form, and what of it goes into a request. Empty means: as the model has it. */

import type { ChatRequest, ServedModel } from "./contract.js"

export interface Choice {
  model: string
  mode: string
  blockSize: string
  steps: string
  threshold: string
  remasking: string
  maxTokens: string
  temperature: string
  seed: string
}

export const NO_CHOICE: Choice = {
  model: "",
  mode: "",
  blockSize: "",
  steps: "",
  threshold: "",
  remasking: "",
  maxTokens: "",
  temperature: "",
  seed: "",
}

export interface NumberField {
  key: "blockSize" | "steps" | "threshold" | "maxTokens" | "temperature" | "seed"
  label: string
  /** What it does, in a line. */
  hint: string
  least: number
  most?: number
  whole: boolean
  /** Only where blocks are denoised. */
  diffusion: boolean
}

export const NUMBER_FIELDS: readonly NumberField[] = [
  { key: "blockSize", label: "Block size", hint: "tokens denoised together", least: 1, whole: true, diffusion: true },
  { key: "steps", label: "Steps", hint: "denoising steps per block", least: 1, whole: true, diffusion: true },
  {
    key: "threshold",
    label: "Threshold",
    hint: "surer tokens become final, 0 to 1",
    least: 0,
    most: 1,
    whole: false,
    diffusion: true,
  },
  {
    key: "maxTokens",
    label: "Longest answer",
    hint: "tokens at most",
    least: 1,
    whole: true,
    diffusion: false,
  },
  {
    key: "temperature",
    label: "Temperature",
    hint: "0 takes the most likely token",
    least: 0,
    most: 2,
    whole: false,
    diffusion: false,
  },
  { key: "seed", label: "Seed", hint: "of the sampling", least: 0, whole: true, diffusion: false },
]

/** The orders in which masked tokens become final, by the paradigm that decodes. */
export const ORDERS: Record<string, readonly string[]> = {
  "block-diffusion": ["low_confidence_static", "low_confidence_dynamic", "sequential_dynamic"],
  "full-diffusion": ["low_confidence", "random"],
}

/** What is wrong with a number as typed, in a sentence; undefined where it fits or is empty. */
export function fieldProblem({ least, most, whole }: NumberField, typed: string): string | undefined {
  if (typed.trim() === "") return undefined
  const value = Number(typed)
  const fits = value >= least && value <= (most ?? Number.MAX_SAFE_INTEGER) && (!whole || Number.isInteger(value))
  if (fits) return undefined
  const range = most === undefined ? `of at least ${least}` : `between ${least} and ${most}`
  return `It must be a ${whole ? "whole " : ""}number ${range}.`
}

/** Whether every field can be sent. */
export const choiceFits = (choice: Choice): boolean =>
  NUMBER_FIELDS.every((field) => fieldProblem(field, choice[field.key]) === undefined)

/** Whether a choice decodes by denoising, so that the fields about blocks mean something. */
export function denoises(model: ServedModel | undefined, mode: string): boolean {
  return (mode || model?.diffusion?.paradigm) !== "autoregressive"
}

type Fields = Pick<ChatRequest, "model" | "max_tokens" | "temperature" | "seed" | "diffusion">

/** The part of a request that a choice decides; what does not apply to it or is empty is left out. */
export function fieldsOf(choice: Choice, model: ServedModel | undefined): Fields {
  const number = (key: NumberField["key"]) => (choice[key].trim() === "" ? undefined : Number(choice[key]))
  const diffusion = denoises(model, choice.mode)
    ? {
        block_size: number("blockSize"),
        steps: number("steps"),
        threshold: number("threshold"),
        remasking: choice.remasking || undefined,
      }
    : {}
  return {
    model: choice.model,
    max_tokens: number("maxTokens"),
    temperature: number("temperature"),
    seed: number("seed"),
    diffusion: { mode: choice.mode || undefined, ...diffusion },
  }
}
