/** How answers are decoded: what the task, --gen-kwargs and the options of decoding say, each over the one before (docs/evaluation.md 3.4). */

import { UserError } from "../../errors.js"
import { nearest } from "../../nearest.js"
import { type DecodingOptions, MAX_TOKENS } from "../../paradigms/decoding-options.js"
import type { AnyParadigm } from "../../paradigms/registry.js"
import { shown } from "../../readable.js"
import {
  AUTHORS_OPTIONS,
  effectiveOptions,
  type GenerationOptions,
  samplerOptions,
} from "../task/generation-settings.js"
import type { Task } from "../task/task.js"

export interface AskedGeneration {
  /** Of --gen-kwargs, by lmms-eval's names. */
  kwargs?: GenerationOptions
  /** Options of decoding; they win. */
  options?: DecodingOptions
  /** As the authors' scripts and wrappers decode. */
  compat?: boolean
  /** How the model was trained; not known of a server. */
  paradigm?: Pick<AnyParadigm, "masks" | "wholeAnswer">
}

export interface TaskGeneration {
  /** What was given on the command line, by lmms-eval's names. */
  given: GenerationOptions
  /** The task file's options, overridden by these. */
  effective: GenerationOptions
  decoding: DecodingOptions
  /** Further texts that end an answer. */
  stops: readonly string[]
}

/** Options that --gen-kwargs may have: those that act, and those that lmms-eval's users write without effect. */
const KNOWN = [
  ...["temperature", "gen_length", "steps", "gen_steps", "max_new_tokens", "do_sample", "top_p", "top_k"],
  ...["remasking_strategy", "confidence_threshold", "stopping_criteria", "until"],
  ...["num_beams", "cfg", "remasking", "block_length", "image_aspect_ratio"],
]

/** lmms-eval's names of options of decoding. */
const NAMES = {
  temperature: "temperature",
  topP: "top_p",
  topK: "top_k",
  steps: "steps",
  threshold: "confidence_threshold",
  strategy: "remasking_strategy",
  maxTokens: "gen_length",
} as const satisfies Partial<Record<keyof DecodingOptions, string>>

/**
 * `{"steps": 4}`, or `steps=4,temperature=0`.
 * @throws UserError for what is neither, and for names that mean nothing
 */
export function parseKwargs(text: string): GenerationOptions {
  const options = text.trim().startsWith("{") ? parseJson(text) : parsePairs(text)
  for (const key of Object.keys(options)) {
    if (KNOWN.includes(key)) continue
    const near = nearest(key, KNOWN)
    throw new UserError(`there is no option ${shown(key)}`, {
      where: "--gen-kwargs",
      fix: near === undefined ? `there are ${KNOWN.join(", ")}` : `did you mean ${near}?`,
    })
  }
  return options
}

function parseJson(text: string): GenerationOptions {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UserError("it is no JSON", {
      where: "--gen-kwargs",
      fix: `such as '{"gen_length": 128, "steps": 8}'`,
      cause,
    })
  }
}

function parsePairs(text: string): GenerationOptions {
  const pairs = text.split(",").map((pair) => /^\s*(\w+)\s*=\s*(.*?)\s*$/s.exec(pair))
  if (pairs.some((pair) => !pair))
    throw new UserError("it is no list of name=value", { where: "--gen-kwargs", fix: "such as gen_length=128,steps=8" })
  return Object.fromEntries(pairs.map((pair) => [pair![1], plainValue(pair![2])]))
}

function plainValue(text: string): unknown {
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === "true"
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text
}

/**
 * Answers are greedy, and the model's good settings hold where nothing is asked for; with `compat` it is the authors' sampler with
 * their scripts' settings, and in the autoregressive case their baseline's.
 * @throws UserError for values that cannot be
 */
export function generationOf(task: Pick<Task, "generation">, asked: AskedGeneration): TaskGeneration {
  const { kwargs = {}, options = {}, compat = false } = asked
  const named = Object.entries(NAMES).flatMap(([key, name]) => {
    const value = options[key as keyof typeof NAMES]
    return value === undefined ? [] : [[name, value] as const]
  })
  const given = { ...(compat && AUTHORS_OPTIONS), ...kwargs, ...Object.fromEntries(named) }
  const effective = effectiveOptions(task.generation, given)
  const others = Object.fromEntries(
    Object.entries(options).filter(([key, value]) => isSaid(key, value) && !(key in NAMES)),
  )
  const decoding = compat ? authorsDecoding(effective, asked) : ownDecoding(given, effective)
  return { given, effective, decoding: { ...decoding, ...others }, stops: textsOf(effective, "stopping_criteria") }
}

/** That the model's own settings hold is so anyway. */
const isSaid = (key: string, value: unknown): boolean =>
  value !== undefined && !(key === "generationConfig" && value === true)

function authorsDecoding(effective: GenerationOptions, { paradigm, options = {} }: AskedGeneration): DecodingOptions {
  const { genLength, steps, temperature, topP, topK, remasking, threshold } = samplerOptions(effective)
  const sampling = { temperature, ...(topP !== undefined && { topP }), ...(topK !== undefined && { topK }) }
  // Of a server only what OpenAI's API has.
  if (paradigm === undefined) return { maxTokens: genLength, ...sampling }
  if (!paradigm.masks) return { maxTokens: options.maxTokens ?? number(effective, "max_new_tokens"), temperature }
  // The authors' program has no wrapper for these: one block of the whole answer, whose steps are what is asked for, not the 8 of a block.
  if (paradigm.wholeAnswer) {
    const own = options.steps === undefined ? {} : { steps: options.steps }
    return { maxTokens: genLength, temperature, ...own, generationConfig: false, reference: true }
  }
  const dynamic = remasking === "low_confidence_dynamic" && { threshold }
  return {
    maxTokens: genLength,
    steps,
    strategy: remasking,
    ...dynamic,
    ...sampling,
    generationConfig: false,
    reference: true,
  }
}

function ownDecoding(given: GenerationOptions, effective: GenerationOptions): DecodingOptions {
  const temperature = number(effective, "temperature") ?? (effective.do_sample === true ? 1 : 0)
  const asked = number(given, "gen_length") ?? number(given, "max_new_tokens")
  const found: DecodingOptions = {
    // The benchmarks' own max_new_tokens, 16 to 1024, does not act in the authors' program.
    maxTokens: asked ?? number(effective, "gen_length") ?? MAX_TOKENS,
    temperature,
    ...(temperature > 0 && { topP: number(given, "top_p"), topK: number(given, "top_k") }),
    steps: number(effective, "steps") ?? number(effective, "gen_steps"),
    threshold: number(effective, "confidence_threshold"),
    strategy: effective.remasking_strategy as DecodingOptions["strategy"],
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
}

function number(options: GenerationOptions, key: string): number | undefined {
  const value = options[key]
  if (value === undefined || value === null || typeof value === "number") return value ?? undefined
  throw new UserError(`${shown(value)} is no number`, { where: key })
}

/** @throws UserError for what is neither a text nor a list of texts */
export function textsOf(options: GenerationOptions, key: string): string[] {
  const texts = [options[key] ?? []].flat()
  if (texts.every((text) => typeof text === "string")) return texts
  throw new UserError("it is no list of texts", { where: key, fix: 'such as ["\\n"]' })
}
