/** The body of a request: JSON of limited size, whose long strings are taken out before it is parsed. */

import { isUtf8 } from "node:buffer"
import { ApiError, invalid } from "../api-error.js"
import { liftLongStrings } from "./lifted.js"

/** Text of a megabyte is parsed in a few milliseconds; more of it is no prompt. */
const MOST_TEXT = 4 * 2 ** 20

export interface Body {
  value: unknown
  /** Bytes of a string that was taken out. */
  find(name: string): Uint8Array | undefined
}

/** @throws ApiError for what is no JSON of at most so many bytes */
export async function readBody(request: Request, most: number): Promise<Body> {
  const type = request.headers.get("content-type")
  if (type !== null && !/^application\/(?:[\w.-]+\+)?json\b/i.test(type))
    throw new ApiError(415, "the body must be JSON, with content-type: application/json", {
      code: "unsupported_media_type",
    })
  const encoding = request.headers.get("content-encoding")
  if (encoding !== null && encoding !== "identity")
    throw new ApiError(415, "compressed bodies are not supported", { code: "unsupported_media_type" })
  const bytes = await readBytes(request, most)
  if (!isUtf8(bytes)) throw invalid("the body is not UTF-8")
  const { json, find } = liftLongStrings(bytes)
  if (json.length > MOST_TEXT)
    throw new ApiError(413, `the text of a request has ${MOST_TEXT} characters at most`, { code: "request_too_large" })
  try {
    return { value: JSON.parse(json), find }
  } catch {
    throw invalid("the body is not JSON")
  }
}

async function readBytes(request: Request, most: number): Promise<Uint8Array> {
  const tooLarge = (): ApiError =>
    new ApiError(413, `the body of a request has ${most} bytes at most`, { code: "request_too_large" })
  if (Number(request.headers.get("content-length") ?? 0) > most) throw tooLarge()
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = request.body?.getReader()
  for (;;) {
    const step = await reader?.read().catch((cause: unknown) => {
      throw new ApiError(400, "the body of the request ended early", { cause })
    })
    if (!step || step.done) break
    size += step.value.length
    if (size > most) {
      await reader?.cancel()
      throw tooLarge()
    }
    chunks.push(step.value)
  }
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
}
