/** A request to `/v1/completions`, a text that is continued → what the engine is asked. Pure. */

import { z } from "zod"
import { invalid } from "../api-error.js"
import type { Asked } from "./asked.js"
import { stopTexts } from "./decoding.js"
import { COMMON_REFUSED, commonFields, decodingOf } from "./openai-fields.js"
import { ignored, optional, readRequest, refuse } from "./read.js"

/** As OpenAI has it. */
const MAX_TOKENS = 16

const schema = z.strictObject({
  ...commonFields,
  prompt: z.union([z.string(), z.array(z.unknown())]),
  logprobs: optional(z.int().min(0).max(20)),
  best_of: optional(z.int().min(1)),
  echo: ignored,
  suffix: ignored,
})

const REFUSED = {
  ...COMMON_REFUSED,
  echo: "echo is not supported: the prompt is not told again",
  suffix: "suffix is not supported: these models continue a text at its end",
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
      decoding: decodingOf(asked),
      maxTokens: asked.max_tokens ?? MAX_TOKENS,
      stop: stopTexts(asked.stop),
      n: asked.n ?? 1,
      ...(asked.logprobs !== undefined && { logProbabilities: asked.logprobs }),
      progress: Boolean(asked.stream && asked.diffusion?.events),
    },
    askedFor: [asked.user, asked.prompt_cache_key, asked.safety_identifier],
    stream: asked.stream ?? false,
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
