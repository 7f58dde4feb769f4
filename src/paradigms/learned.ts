/** What a model has learned that decoding goes by, whatever it was trained in: a paradigm may be given a model of another one. */

import type { ParadigmRecord } from "../checkpoint/paradigm-record.js"
import type { CleanContext, TokenShift } from "./block-diffusion/needed-positions.js"

export interface Learned {
  /** Which row predicts a token. */
  shift: TokenShift
  /** What clean tokens see. */
  context: CleanContext
}

/** An autoregressive model predicts the next token, and has seen nothing behind it. */
export function learned({ name, options: { shift, context } }: ParadigmRecord): Learned {
  if (name === "autoregressive") return { shift: "next", context: "causal" }
  return { shift: shift === "next" ? "next" : "same", context: context === "causal" ? "causal" : "block" }
}
