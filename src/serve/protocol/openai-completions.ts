/** A request to `/v1/completions`, a text that is continued → what the engine is asked. Pure. */

import { z } from "zod"
import { invalid } from "../api-error.js"
import type { Asked } from "./asked.js"
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
  stopTexts,
  temperature,
  topK,
  topP,
} from "./decoding.js"
import { ignored, optional, readRequest, refuse } from "./read.js"

/** As OpenAI has it. */
const MAX_TOKENS = 16

const schema = z.strictObject({
  model: z.string().min(1),
  prompt: z.union([z.string(), z.array(z.unknown())]),
  max_tokens: maxTokens,
  temperature: temperature(2),
  top_p: topP,
  top_k: topK,
  seed,
  stop,
  n: answers,
  stream: optional(z.boolean()),
  stream_options: optional(z.strictObject({ include_usage: optional(z.boolean()), include_obfuscation: ignored })),
  logprobs: optional(z.int().min(0).max(20)),
  response_format: responseFormat,
  diffusion,
  best_of: optional(z.int().min(1)),
  echo: ignored,
  suffix: ignored,
  frequency_penalty: ignored,
  presence_penalty: ignored,
  logit_bias: ignored,
  user: ignored,
})

const REFUSED = {
  echo: "echo is not supported: the prompt is not told again",
  suffix: "suffix is not supported: these models continue a text at its end",
  frequency_penalty: "penalties are not supported: leave them out, or set them to 0",
  presence_penalty: "penalties are not supported: leave them out, or set them to 0",
  logit_bias: "biases are not supported: leave them out",
}

/** @throws ApiError for what is no request, or asks for what these models cannot do */
export function readCompletion(body: unknown): Asked {
  const asked = readRequest(schema, body)
  refuse(asked, REFUSED)
  if ((asked.best_of ?? 1) > (asked.n ?? 1))
    throw invalid("best_of is not supported: ask for n answers", "best_of", "unsupported_parameter")
  return {
    request: {
      model: asked.model,
      prompt: { text: promptText(asked.prompt) },
      pictures: [],
      decoding: {
        ...sampling({ temperature: asked.temperature, topP: asked.top_p, topK: asked.top_k, seed: asked.seed }),
        ...diffusionDecoding(asked.diffusion),
        ...formatDecoding(asked.response_format),
      },
      maxTokens: asked.max_tokens ?? MAX_TOKENS,
      stop: stopTexts(asked.stop),
      n: asked.n ?? 1,
      ...(asked.logprobs !== undefined && { logProbabilities: asked.logprobs }),
      progress: Boolean(asked.stream && asked.diffusion?.events),
    },
    stream: asked.stream ?? false,
    mode: asked.diffusion?.mode,
    usage: asked.stream_options?.include_usage ?? false,
  }
}

function promptText(prompt: string | unknown[]): string {
  const [first, ...more] = typeof prompt === "string" ? [prompt] : prompt
  if (typeof first !== "string" || more.length > 0)
    throw invalid(
      "prompt: expected one text; several prompts are several requests, and token ids are not supported",
      "prompt",
    )
  if (first === "") throw invalid("prompt: there is no text to continue", "prompt")
  return first
}
