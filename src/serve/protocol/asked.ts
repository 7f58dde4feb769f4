/** What every protocol makes of a request: what the engine is asked, and how the answer is to be told. */

import type { AnswerRequest } from "../request.js"
import type { PictureReference } from "./parts.js"

export interface Asked {
  /** Pictures are named, not yet there. */
  request: Omit<AnswerRequest, "pictures"> & { pictures: PictureReference[] }
  /** Whom the client asks for, where caches are kept apart: `user` and the like. */
  askedFor?: unknown
  stream: boolean
  /** Whether a stream ends with what it took. */
  usage: boolean
}
