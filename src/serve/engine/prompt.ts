/** From a request to the prompt of a model: pictures are looked at before they are decoded, and lengths before anything is computed. */

import { UserError } from "../../errors.js"
import { preparePrompt } from "../../generate/prepare.js"
import type { Session } from "../../generate/session.js"
import { decodedSize } from "../../image/decode.js"
import type { Prompt } from "../../paradigms/prompt.js"
import { plainPrompt } from "../../text/formats/plain-format.js"
import { type Message, partsOf } from "../../text/message.js"
import { ApiError, invalid } from "../api-error.js"
import type { AnswerRequest, Picture } from "../request.js"
import type { MemoryBudget } from "./memory.js"

export interface PromptLimits {
  /** Of each picture; all of a request together have four times as many. */
  pixels: number
  /** Of the prompt, pictures included. */
  promptTokens: number
  /** Memory for all that is under way, decoded pictures included; without one there is no limit. */
  memory?: MemoryBudget
}

/** Pixels of all pictures of a request, in pictures of the largest size. */
const WHOLE_PICTURES = 4
/** Of a decoded picture. */
const BYTES_PER_PIXEL = 3
/** What decoding takes beside the results, one picture after the other: WebP, the most of the usual formats. */
const DECODING_BYTES_PER_PIXEL = 8
/** Texts of more bytes for each token that there may be are refused before they are tokenised: words of most languages have 3 to 8. */
const BYTES_PER_TOKEN = 16

/**
 * @throws ApiError for what cannot be shown to the model; the reason of `signal` when it is aborted
 */
export async function promptOf(
  session: Session,
  { prompt, pictures, decoding: { cacheSalt } }: Pick<AnswerRequest, "prompt" | "pictures" | "decoding">,
  limits: PromptLimits,
  signal?: AbortSignal,
): Promise<Prompt> {
  requireShortText(prompt, Math.min(limits.promptTokens, session.config.text.maxPositions))
  try {
    const prepared =
      "text" in prompt
        ? { ids: plainPrompt(prompt.text, session.tokenizer), cacheSalt }
        : await withPictures(session, prompt.messages, pictures, limits, { signal, cacheSalt })
    const { length } = prepared.ids
    if (length === 0) throw invalid("the prompt has no tokens", "prompt")
    if (length > limits.promptTokens)
      throw invalid(
        `the prompt has ${length} tokens, more than the ${limits.promptTokens} that this server takes`,
        "messages",
        "context_length_exceeded",
      )
    return prepared
  } catch (error) {
    throw error instanceof UserError ? invalid(sentenceOf(error), "messages") : error
  }
}

/** Tokenising megabytes would hold the engine for seconds. */
function requireShortText(prompt: AnswerRequest["prompt"], tokens: number): void {
  const texts = "text" in prompt ? [prompt.text] : prompt.messages.flatMap(({ content }) => textsOf(content))
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (bytes > tokens * BYTES_PER_TOKEN)
    throw invalid(
      `the text of the prompt has ${bytes} bytes, more than ${tokens} tokens have, the most that can be answered here`,
      "text" in prompt ? "prompt" : "messages",
      "context_length_exceeded",
    )
}

const textsOf = (content: Message["content"]): string[] =>
  partsOf(content).flatMap((part) => (part.type === "text" ? [part.text] : []))

async function withPictures(
  session: Session,
  messages: readonly Message[],
  pictures: readonly Picture[],
  { pixels, memory }: PromptLimits,
  options: { signal?: AbortSignal; cacheSalt?: string },
): Promise<Prompt> {
  const { images, sizes } = await imagesOf(pictures, pixels)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total > WHOLE_PICTURES * pixels)
    throw invalid(
      `the pictures have ${total} pixels together, more than the ${WHOLE_PICTURES * pixels} that this server takes in a request`,
      "messages",
      "image_too_large",
    )
  const bytes = total * BYTES_PER_PIXEL + Math.max(0, ...sizes) * DECODING_BYTES_PER_PIXEL
  const release = await memory?.take(bytes, options.signal, "pictures")
  try {
    return await preparePrompt(session, messages, images, options)
  } finally {
    release?.()
  }
}

/** Files of pictures, and the pixels of each. */
async function imagesOf(
  pictures: readonly Picture[],
  pixels: number,
): Promise<{ images: Uint8Array[]; sizes: number[] }> {
  const images: Uint8Array[] = []
  const sizes: number[] = []
  for (const [i, picture] of pictures.entries()) {
    const bytes = "bytes" in picture ? picture.bytes : decodeBase64(picture.base64, `image ${i + 1}`)
    const { width, height } = await decodedSize(bytes, `image ${i + 1}`)
    if (width * height > pixels)
      throw new ApiError(
        400,
        `image ${i + 1} has ${width} × ${height} pixels, more than the ${pixels} that this server takes`,
        {
          param: "messages",
          code: "image_too_large",
        },
      )
    images.push(bytes)
    sizes.push(width * height)
  }
  return { images, sizes }
}

/** Node's decoder skips whatever is no base64: a picture that is cut or mixed up would be another one. */
function decodeBase64(base64: string | Uint8Array, where: string): Uint8Array {
  const text =
    typeof base64 === "string"
      ? base64
      : Buffer.from(base64.buffer, base64.byteOffset, base64.byteLength).toString("latin1")
  const bytes = Buffer.from(text, "base64")
  const letters = text.replace(/[\s=]+/g, "").length
  if (bytes.length !== Math.floor((letters * 3) / 4))
    throw new UserError("the data of the image is not base64", { where })
  return bytes
}

/** What was wrong, without the places of this machine: of those only the number of a picture is told. */
export function sentenceOf({ message, where, fix }: UserError): string {
  const place = where !== undefined && /^image( \d+)?$/.test(where) ? `${where}: ` : ""
  return `${place}${message}${fix === undefined ? "" : `; ${fix}`}`
}
