/** Options of generation: what a task's file says, what the command line changes, what of it acts (docs/evaluation.md 3.4). */

import { UserError } from "../../errors.js"

/** Options by the names of lmms-eval. Their order is kept: samples' files list them. */
export type GenerationOptions = Readonly<Record<string, unknown>>

/** What the authors' scripts give every task on the command line. */
export const AUTHORS_OPTIONS: GenerationOptions = {
  temperature: 0,
  gen_length: 128,
  steps: 8,
  max_new_tokens: 128,
  remasking_strategy: "low_confidence_static",
}

/** What they give one task: ChartQA a stop more, which would stop anyway. */
export function authorsOptions(task: string): GenerationOptions {
  if (task !== "chartqa") return AUTHORS_OPTIONS
  const { remasking_strategy, ...others } = AUTHORS_OPTIONS
  return { ...others, stopping_criteria: ["\n"], remasking_strategy }
}

/** Of a task's file, with what is filled in where it says nothing. */
export function taskFileOptions(said: GenerationOptions): GenerationOptions {
  if (Object.keys(said).length === 0) return { until: ["\n\n"], do_sample: false }
  return "until" in said ? said : { ...said, until: ["\n\n"] }
}

/** The task file's options, each replaced by the command line's. */
export function effectiveOptions(said: GenerationOptions, commandLine: GenerationOptions = {}): GenerationOptions {
  return { ...taskFileOptions(said), ...commandLine }
}

/** What reaches the authors' sampler; the other options have no effect. */
export interface SamplerOptions {
  /** Tokens of an answer. max_new_tokens does not act. */
  genLength: number
  /** Denoising steps per block. */
  steps: number
  /** 0 takes the likeliest token, and topP and topK do not act. */
  temperature: number
  topP?: number
  topK?: number
  remasking: "low_confidence_static" | "low_confidence_dynamic"
  /** Of low_confidence_dynamic. */
  threshold: number
  /** Texts that end an answer, beside the separator and a line break. "until" does not act. */
  stops: readonly string[]
}

/** @throws UserError for a value that the authors' program refuses or that is none */
export function samplerOptions(effective: GenerationOptions): SamplerOptions {
  const number = (key: string, fallback: number): number => {
    const value = effective[key] ?? fallback
    if (typeof value !== "number" || !Number.isFinite(value))
      throw new UserError(`${JSON.stringify(value)} is no number`, { where: key, fix: `such as "${key}": ${fallback}` })
    return value
  }
  const remasking = effective.remasking_strategy ?? "low_confidence_static"
  if (remasking !== "low_confidence_static" && remasking !== "low_confidence_dynamic")
    throw new UserError(`there is no ${JSON.stringify(remasking)}`, {
      where: "remasking_strategy",
      fix: "low_confidence_static or low_confidence_dynamic",
    })
  const said = effective.stopping_criteria ?? []
  const stops = Array.isArray(said) ? said : [said]
  if (!stops.every((stop): stop is string => typeof stop === "string"))
    throw new UserError("it is no list of texts", { where: "stopping_criteria", fix: 'such as ["\\n"]' })
  const temperature = number("temperature", 0)
  return {
    genLength: number("gen_length", 2),
    steps: "steps" in effective ? number("steps", 2) : number("gen_steps", 2),
    temperature,
    ...(temperature !== 0 && "top_p" in effective && { topP: number("top_p", 1) }),
    ...(temperature !== 0 && "top_k" in effective && { topK: number("top_k", 0) }),
    remasking,
    threshold: number("confidence_threshold", 0.85),
    stops,
  }
}

/**
 * Names of the options in the order in which the authors' samples' files list them, after what their Qwen2.5-VL wrapper
 * takes away and adds.
 */
export function argumentNames(effective: GenerationOptions): string[] {
  const { until: _until, image_aspect_ratio: _ratio, ...kept } = effective
  const added = [
    ...["temperature", "gen_length", "steps", "cfg", "remasking", "block_length", "image_grid_thws"],
    ...["stopping_criteria", "image_sizes", "tokenizer"],
  ]
  return [...new Set([...Object.keys(kept), ...added])]
}
