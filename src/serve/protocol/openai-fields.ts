/** What requests for chats and for texts have in common. */

import { z } from "zod"
import type { AskedDecoding } from "../request.js"
import {
  answers,
  diffusion,
  diffusionDecoding,
  formatDecoding,
  maxTokens,
  responseFormat,
  sampling,
  seed,
  stop,
  temperature,
  topK,
  topP,
} from "./decoding.js"
import { ignored, optional } from "./read.js"

export const commonFields = {
  model: z.string().min(1),
  max_tokens: maxTokens,
  temperature: temperature(2),
  top_p: topP,
  top_k: topK,
  seed,
  stop,
  n: answers,
  stream: optional(z.boolean()),
  stream_options: optional(z.strictObject({ include_usage: optional(z.boolean()), include_obfuscation: ignored })),
  response_format: responseFormat,
  diffusion,
  // Refused where they ask for something.
  frequency_penalty: ignored,
  presence_penalty: ignored,
  logit_bias: ignored,
  // Whose the request is, where caches are kept apart; else without a meaning here.
  user: ignored,
  prompt_cache_key: ignored,
  safety_identifier: ignored,
}

const PENALTIES = "penalties and biases are not supported: leave them out, or set them to 0"
export const COMMON_REFUSED = {
  frequency_penalty: PENALTIES,
  presence_penalty: PENALTIES,
  logit_bias: PENALTIES,
}

const common = z.object(commonFields)

/** How an answer is decoded, as far as the request says. */
export const decodingOf = (asked: z.infer<typeof common>): AskedDecoding => ({
  ...sampling({ temperature: asked.temperature, topP: asked.top_p, topK: asked.top_k, seed: asked.seed }),
  ...diffusionDecoding(asked.diffusion),
  ...formatDecoding(asked.response_format),
})
