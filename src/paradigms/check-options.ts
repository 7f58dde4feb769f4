/** Options of decoding, checked before anything is computed. */

import { penaltyRange, temperatureRange } from "../checkpoint/generation-config.js"
import { UserError } from "../errors.js"
import { compileFormat } from "../grammar/format.js"
import { shown } from "../readable.js"
import type { DecodingOptions } from "./decoding-options.js"
import type { AnyParadigm } from "./registry.js"
import { paradigms } from "./registry.js"

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
  prefixRefresh: whole(1),
  guidance: between(0, 1000),
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

/** What a model is called, and how it is decoded. */
export interface DecodedModel {
  name: string
  paradigm: AnyParadigm
  /** Whether it was trained so. @default true */
  isTrained?: boolean
}

/**
 * @param instead what may be done other than using another model
 * @throws UserError when the model decodes without this option
 */
export function requireOption(
  { name, paradigm, isTrained = true }: DecodedModel,
  option: keyof DecodingOptions,
  instead?: string,
): void {
  if (paradigm.options.includes(option)) return
  const others = paradigms().filter(({ options }) => options.includes(option))
  // What no paradigm knows is every model's.
  if (others.length === 0) return
  const use = `use ${others.map(({ noun }) => noun).join(" or ")}`
  const is = isTrained ? "is" : "is decoded as"
  throw new UserError(`${name} ${is} ${paradigm.noun}: it has no ${word(option)}`, {
    fix: instead === undefined ? use : `${instead}, or ${use}`,
  })
}

/** @throws UserError naming the option that cannot be used */
export function checkOptions(
  { maxPositions, ...model }: DecodedModel & { maxPositions: number },
  options: DecodingOptions,
): void {
  for (const [key, value] of Object.entries(options))
    if (value !== undefined) requireOption(model, key as keyof DecodingOptions, "leave the option out")
  for (const [key, [must, holds]] of Object.entries(RULES) as [keyof typeof RULES, Rule][]) {
    const value: unknown = options[key]
    if (value !== undefined && !(typeof value === "number" && holds(value)))
      throw new UserError(`${word(key)} must be ${must}, not ${shown(value)}`)
  }
  if (options.shift !== undefined && options.shift !== "same" && options.shift !== "next")
    throw new UserError(`shift must be same or next, not ${shown(options.shift)}`)
  model.paradigm.checkOptions?.(options)
  if (options.format !== undefined) compileFormat(options.format)
  // Before a prompt is made ready or a schedule of this length is.
  for (const key of ["maxTokens", "blockSize", "steps"] as const) {
    const value = options[key]
    if (value !== undefined && value > maxPositions)
      throw new UserError(`${word(key)} of ${value} would exceed the model's ${maxPositions} positions`)
  }
}
