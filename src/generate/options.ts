/** What people may ask of a decoder, checked before anything is computed. */

import { penaltyRange, temperatureRange } from "../checkpoint/generation-config.js"
import type { BlockDiffusionConfig } from "../checkpoint/paradigm-record.js"
import { UserError } from "../errors.js"
import type { WarperOptions } from "../paradigms/autoregressive/warpers.js"
import { REMASKING_STRATEGIES, type RemaskingStrategy } from "../paradigms/block-diffusion/remasking.js"
import type { SamplingOptions } from "../paradigms/sampling.js"
import { shown } from "../readable.js"
import type { Session } from "./session.js"

/** Tokens of an answer when nobody says. */
export const MAX_TOKENS = 128

/**
 * Everything left out is as the model's generation_config.json wants it: for an autoregressive model as transformers'
 * `generate()` reads that file, for block diffusion `remasking_strategy` and `confidence_threshold`.
 */
export interface DecodingOptions extends SamplingOptions, WarperOptions {
  /** Tokens to generate at most. @default the model's, else 128 */
  maxTokens?: number
  /** Seed of the sampling, used when the temperature is not 0. @default 0 */
  seed?: number
  /** false: as if the model had no generation_config.json; its end tokens stay. @default true */
  generationConfig?: boolean
  // Autoregressive models only, beside what only sampling looks at (minP and what follows):
  /** Makes tokens that occur already, in the prompt too, less likely (above 1) or more likely (below). @default 1 */
  repetitionPenalty?: number
  /** No sequence of this many tokens occurs twice, prompt included; 0: no limit. @default 0 */
  noRepeatNgramSize?: number
  /** The answer does not end before this many tokens. @default 0 */
  minTokens?: number
  // Block diffusion only:
  /** @default the block size the model was trained with */
  blockSize?: number
  /** Denoising steps per block. @default the block size: one token each */
  steps?: number
  /**
   * Which masked tokens a step makes final.
   * @default what the model's generation_config.json says, unless `steps` are given; else "low_confidence_dynamic" when a
   * threshold is given, else "low_confidence_static"
   */
  strategy?: RemaskingStrategy
  /** Confidence, 0 to 1, above which a token becomes final at once. @default the model's, else 0.85, with a dynamic strategy */
  threshold?: number
  /** Which row predicts a token. @default as the model was trained */
  shift?: BlockDiffusionConfig["shift"]
  /** The authors' loop, forward for forward. */
  reference?: boolean
}

const BLOCK_DIFFUSION_ONLY = ["blockSize", "steps", "strategy", "threshold", "shift", "reference"] as const
const AUTOREGRESSIVE_ONLY = [
  "repetitionPenalty",
  "noRepeatNgramSize",
  "minTokens",
  "minP",
  "typicalP",
  "topH",
  "epsilonCutoff",
  "etaCutoff",
] as const

/** The largest seed of which every bit counts. */
const LARGEST = Number.MAX_SAFE_INTEGER

/** [option, what a value must be, whether one is]. */
const whole = (least: number, most = LARGEST): Rule => [
  `a whole number of at least ${least}`,
  (value) => Number.isSafeInteger(value) && value >= least && value <= most,
]
const between = (least: number, most: number): Rule => [
  `between ${least} and ${most}`,
  (value) => value >= least && value <= most,
]
type Rule = readonly [must: string, holds: (value: number) => boolean]

const RULES = {
  maxTokens: whole(1),
  blockSize: whole(1),
  steps: whole(1),
  seed: whole(0),
  minTokens: whole(0),
  noRepeatNgramSize: whole(0),
  topK: whole(0),
  threshold: between(0, 1),
  minP: between(0, 1),
  epsilonCutoff: between(0, 1),
  etaCutoff: between(0, 1),
  repetitionPenalty: between(penaltyRange.minimum, penaltyRange.maximum),
  topP: ["above 0 and at most 1", (value) => value > 0 && value <= 1],
  typicalP: ["above 0 and at most 1", (value) => value > 0 && value <= 1],
  topH: ["above 0 and at most 1", (value) => value > 0 && value <= 1],
  temperature: [
    `0, or between ${temperatureRange.minimum} and ${temperatureRange.maximum}`,
    (value) => value === 0 || (value >= temperatureRange.minimum && value <= temperatureRange.maximum),
  ],
} satisfies Record<string, Rule>

/** As sentences name an option: "top-k", for the command line's --top-k and for topK; `strategy` is --remasking. */
const word = (key: string): string =>
  key === "strategy" ? "remasking" : key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** @throws UserError naming the option that cannot be used */
export function checkOptions({ paradigm, name, config }: Session, options: DecodingOptions): void {
  const { threshold, strategy } = options
  const autoregressive = paradigm === "autoregressive"
  const unfit = (autoregressive ? BLOCK_DIFFUSION_ONLY : AUTOREGRESSIVE_ONLY).find((key) => options[key] !== undefined)
  if (unfit)
    throw new UserError(
      `${name} is ${autoregressive ? "an autoregressive" : "a block-diffusion"} model: it has no ${word(unfit)}`,
      {
        fix: `leave the option out, or use ${autoregressive ? "a block-diffusion" : "an autoregressive"} model`,
      },
    )
  for (const [key, [must, holds]] of Object.entries(RULES) as [keyof typeof RULES, Rule][]) {
    const value: unknown = options[key]
    if (value !== undefined && !(typeof value === "number" && holds(value)))
      throw new UserError(`${word(key)} must be ${must}, not ${shown(value)}`)
  }
  if (strategy !== undefined && !REMASKING_STRATEGIES.includes(strategy))
    throw new UserError(`there is no remasking strategy ${shown(strategy)}`, {
      fix: `use ${REMASKING_STRATEGIES.join(", ")}`,
    })
  if (strategy === "low_confidence_static" && threshold !== undefined)
    throw new UserError("the static strategy has no threshold", { fix: "leave one of the two out" })
  // Before a prompt is made ready or a schedule of this length is.
  const { maxPositions } = config.text
  for (const key of ["maxTokens", "blockSize", "steps"] as const) {
    const value = options[key]
    if (value !== undefined && value > maxPositions)
      throw new UserError(`${word(key)} of ${value} would exceed the model's ${maxPositions} positions`)
  }
}
