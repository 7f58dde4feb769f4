/** Fields about decoding that several protocols have, and the extras under `diffusion`. */

import { z } from "zod"
import { invalid } from "../api-error.js"
import type { AskedDecoding } from "../request.js"
import { optional } from "./read.js"

/** Texts of `stop`; OpenAI takes four. */
const MOST_STOPS = 16
const LONGEST_STOP = 1024
/** Answers to one request. */
const MOST_ANSWERS = 16

export const maxTokens = optional(z.int().min(1))
export const seed = optional(
  z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER - MOST_ANSWERS),
)
export const topP = optional(z.number().gt(0).max(1))
export const topK = optional(z.int().min(0))
export const answers = optional(z.int().min(1).max(MOST_ANSWERS))
export const stop = optional(z.union([z.string(), z.array(z.string()).max(MOST_STOPS)]))
/** The rules of the decoder are stricter; it names them. */
export const temperature = (most: number) => optional(z.number().min(0).max(most))

/** What OpenAI and Anthropic have no words for. */
export const diffusion = optional(
  z.strictObject({
    block_size: optional(z.int().min(1)),
    steps: optional(z.int().min(1)),
    threshold: optional(z.number().min(0).max(1)),
    remasking: optional(z.string()),
    mode: optional(z.string()),
    events: optional(z.boolean()),
  }),
)

export type Diffusion = z.infer<typeof diffusion>

export const diffusionDecoding = (asked: Diffusion): AskedDecoding => ({
  ...(asked?.mode !== undefined && { mode: asked.mode }),
  ...(asked?.block_size !== undefined && { blockSize: asked.block_size }),
  ...(asked?.steps !== undefined && { steps: asked.steps }),
  ...(asked?.threshold !== undefined && { threshold: asked.threshold }),
  // Its names are the decoder's to know.
  ...(asked?.remasking !== undefined && { strategy: asked.remasking as AskedDecoding["strategy"] }),
})

/** Only what is there: an option that is undefined is one that was not asked for. */
export function sampling(options: Pick<AskedDecoding, "temperature" | "topP" | "topK" | "seed">): AskedDecoding {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** @throws ApiError for a text before which nothing can end */
export function stopTexts(value: string | readonly string[] | undefined, param = "stop"): string[] {
  const texts = value === undefined ? [] : typeof value === "string" ? [value] : [...value]
  for (const text of texts) {
    if (text === "") throw invalid(`${param}: a text that an answer ends before must not be empty`, param)
    if (text.length > LONGEST_STOP)
      throw invalid(`${param}: a text that an answer ends before has ${LONGEST_STOP} characters at most`, param)
    if (/\p{Surrogate}/u.test(text)) throw invalid(`${param}: a text holds half a character`, param)
  }
  return texts
}

const jsonSchema = z.union([z.record(z.string(), z.unknown()), z.boolean()])
const jsonObject = z.object({ type: z.literal("json_object") })
const regex = z.object({ type: z.literal("regex"), pattern: z.string() })

/** As OpenAI has it. */
export const responseFormat = optional(
  z.union([
    z.object({ type: z.literal("text") }),
    z.object({ type: z.literal("json_schema"), json_schema: z.object({ schema: jsonSchema }) }),
    jsonObject,
    regex,
  ]),
)
/** As Anthropic has it, and what OpenAI's knows beside. */
export const outputFormat = optional(
  z.union([z.object({ type: z.literal("json_schema"), schema: jsonSchema }), jsonObject, regex]),
)

/** The format that an answer is held to; nothing for any text. */
export function formatDecoding(format: z.infer<typeof responseFormat | typeof outputFormat>): AskedDecoding {
  if (format === undefined || format.type === "text") return {}
  return { format: "json_schema" in format ? { type: "json_schema", schema: format.json_schema.schema } : format }
}
