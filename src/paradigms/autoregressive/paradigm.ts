/** Autoregressive (paper, equation 1): each token is predicted from those before it. */

import { z } from "zod"
import { layOut } from "../../text/layout.js"
import type { Paradigm } from "../paradigm.js"
import { autoregressiveDecoding } from "./decoder.js"
import { autoregressiveLikelihoods } from "./likelihood.js"
import { autoregressiveObjective } from "./objective.js"
import { type AutoregressiveSettings, autoregressiveSettings } from "./settings.js"

const recipe = z.strictObject({})

export const autoregressive: Paradigm<z.output<typeof recipe>, AutoregressiveSettings> = {
  name: "autoregressive",
  noun: "an autoregressive model",
  masks: false,
  per: "tokens",
  recipe,
  record: () => ({}),
  check() {},
  layOut: (encoded, _, { imageSpans, maxLength }) => layOut(encoded, imageSpans, { maxLength }),
  objective: (model, batch, { per }) => autoregressiveObjective(model, batch, { per }),
  nothingLearned: ["is labelled"],
  options: [
    "repetitionPenalty",
    "noRepeatNgramSize",
    "minTokens",
    "minP",
    "typicalP",
    "topH",
    "epsilonCutoff",
    "etaCutoff",
  ],
  ends: ({ generation: { values }, config }) =>
    values.eos_token_id !== undefined ? [values.eos_token_id].flat() : config.tokens.eos,
  settings: autoregressiveSettings,
  decode: autoregressiveDecoding,
  likelihoods: ({ ids }, answers) => autoregressiveLikelihoods(ids.length, answers),
}
