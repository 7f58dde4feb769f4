/** Why a model's numbers are not finite: looked for only after decoding or scoring has met one. */

import { UserError } from "../errors.js"
import { EqualLogitsError, NotFiniteError, NothingLeftError } from "../paradigms/not-finite.js"
import type { Prompt } from "../paradigms/prompt.js"
import { noGrad, type Tensor, tidy } from "../torch/index.js"
import type { Session } from "./session.js"

/** Weights that a sentence names. */
const NAMED = 3

/** A sentence with the likely cause for what decoders throw; anything else as it is. */
export function explainDecodingError(error: unknown, session: Session, prompt: Prompt): unknown {
  if (error instanceof NothingLeftError)
    return new UserError("the settings of decoding rule every token out", {
      where: session.folder,
      fix: "look at suppress_tokens, bad_words_ids and no_repeat_ngram_size in generation_config.json, or decode without it (--no-generation-config)",
      cause: error,
    })
  return error instanceof NotFiniteError || error instanceof EqualLogitsError ? causeOf(session, prompt, error) : error
}

function causeOf({ folder, model, dtype }: Session, prompt: Prompt, cause: Error): UserError {
  const because = (what: string, fix: string): UserError => new UserError(what, { where: folder, fix, cause })
  const weights = [...model.parameters()]
  const damaged = weights.filter(([, weight]) => !allFinite(weight)).map(([name]) => name)
  if (damaged.length > 0) {
    const more = damaged.length > NAMED ? ` and ${damaged.length - NAMED} more` : ""
    const names = damaged.slice(0, NAMED).join(", ")
    return because(
      `the model cannot answer: ${damaged.length} of its ${weights.length} weights hold numbers that are not finite: ${names}${more}`,
      "the files are damaged or the training diverged: download the model again, or use an earlier checkpoint",
    )
  }
  const where = prompt.features?.some((features) => !allFinite(features)) ? "the features of an image" : "the logits"
  const [name, largest] = largestOf(weights)
  const size = `all weights are finite, the largest is ${largest.toPrecision(3)} in ${name}`
  if (cause instanceof EqualLogitsError)
    return because(
      `the logits are all the same, so no token is likelier than another; ${size}`,
      "the training diverged or the files are damaged: use an earlier checkpoint, or download the model again",
    )
  if (dtype === "float16")
    return because(
      `${where} are not finite: numbers above 65504 overflow in float16 (${size})`,
      "compute in another type: --dtype bfloat16 or --dtype float32",
    )
  return because(
    `${where} are not finite, though ${size}`,
    "config.json may not belong to these weights (rms_norm_eps, rope_theta), or the training diverged",
  )
}

const allFinite = (tensor: Tensor): boolean => noGrad(() => tidy(() => tensor.isfinite().all().item() === 1))

function largestOf(weights: readonly (readonly [string, Tensor])[]): [name: string, size: number] {
  let found: [string, number] = ["", 0]
  for (const [name, weight] of weights) {
    const size = noGrad(() => tidy(() => weight.abs().max().to("float32").item()))
    if (size >= found[1]) found = [name, size]
  }
  return found
}
