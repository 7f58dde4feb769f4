/** What the sections of several paradigms say in the same words. */

import { z } from "zod"

/** The least and the largest noise. Below 1e-6 its weight, one over it, is too large; a token must be masked now and then. */
export const noiseRange = z
  .tuple([z.number().min(0).max(1), z.number().min(0).max(1)])
  .refine(([low, high]) => low < high, "the second number must be the larger one")
  .refine(([low]) => low > 0, "noise of 0 masks nothing, and its weight 1/t has no value")
  .refine(([low]) => low === 0 || low >= 1e-6, "the first number must be at least 1e-6: its weight 1/t is too large")
  .refine(([, high]) => high >= 0.01, "the second number must be at least 0.01: below, hardly a token is ever masked")

/** same: position i predicts token i (the authors); next: position i − 1 does, as in the autoregressive model. */
export const tokenShift = z.enum(["same", "next"])

/** authors: the template's tokens are masked and learned too, also those of the prompt; answers: only the answers (the paper). */
export const learnedTokens = z.enum(["authors", "answers"])

/** Of phases, each until a part of the training is done: what `refine` takes. */
export const untilGrows = [
  (phases: readonly { until: number }[]): boolean =>
    phases.every(({ until }, i) => i === 0 || until > phases[i - 1].until),
  "`until` must grow from phase to phase",
] as const
