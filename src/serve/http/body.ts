/** The body of a request: JSON of limited size, whose long strings are taken out before it is parsed. */

import { isUtf8 } from "node:buffer"
import { ApiError, invalid } from "../api-error.js"
import type { Bodies } from "./bodies.js"
import { liftLongStrings } from "./lifted.js"

export interface Body {
  value: unknown
  /** Bytes of all of it. */
  size: number
  /** Bytes of a string that was taken out. */
  find(name: string): Uint8Array | undefined
}

/**
 * @param signal ends it
 * @throws ApiError for what is no JSON, or none that can be read now; the reason of `signal` when it is aborted
 */
export async function readBody(request: Request, bodies: Bodies, signal: AbortSignal): Promise<Body> {
  const type = request.headers.get("content-type")
  if (type !== null && !/^application\/(?:[\w.-]+\+)?json\b/i.test(type))
    throw new ApiError(415, "the body must be JSON, with content-type: application/json", {
      code: "unsupported_media_type",
    })
  const encoding = request.headers.get("content-encoding")
  if (encoding !== null && encoding !== "identity")
    throw new ApiError(415, "compressed bodies are not supported", { code: "unsupported_media_type" })
  const bytes = await bodies.read(request, signal)
  if (!isUtf8(bytes)) throw invalid("the body is not UTF-8")
  const { json, find } = liftLongStrings(bytes)
  try {
    return { value: JSON.parse(json), size: bytes.length, find }
  } catch {
    throw invalid("the body is not JSON")
  }
}
