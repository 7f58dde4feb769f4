/** From a request to the prompt of a model: pictures are looked at before they are decoded, and lengths before anything is computed. */

import { UserError } from "../../errors.js"
import { preparePrompt } from "../../generate/prepare.js"
import type { Session } from "../../generate/session.js"
import { decodedSize } from "../../image/decode.js"
import type { Prompt } from "../../paradigms/prompt.js"
import { plainPrompt } from "../../text/plain-format.js"
import { ApiError, invalid } from "../api-error.js"
import type { AnswerRequest, Picture } from "../request.js"

export interface PromptLimits {
  /** Of each picture. */
  pixels: number
  /** Of the prompt, pictures included. */
  promptTokens: number
}

/**
 * @throws ApiError for what cannot be shown to the model; the reason of `signal` when it is aborted
 */
export async function promptOf(
  session: Session,
  { prompt, pictures }: Pick<AnswerRequest, "prompt" | "pictures">,
  limits: PromptLimits,
  signal?: AbortSignal,
): Promise<Prompt> {
  try {
    const prepared =
      "text" in prompt
        ? { ids: plainPrompt(prompt.text, session.tokenizer) }
        : await preparePrompt(session, prompt.messages, await imagesOf(pictures, limits), { signal })
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

async function imagesOf(pictures: readonly Picture[], { pixels }: PromptLimits): Promise<Uint8Array[]> {
  const images: Uint8Array[] = []
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
  }
  return images
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
