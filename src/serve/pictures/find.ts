/** From pictures as requests name them to their bytes: each kind only where the server was told to. */

import { ApiError, invalid } from "../api-error.js"
import type { PictureReference } from "../protocol/parts.js"
import type { Picture } from "../request.js"
import { readLocalPicture } from "./local.js"
import { fetchPicture } from "./remote.js"

export interface PictureRules {
  /** Pictures of a request at most. */
  count: number
  /** Bytes of all that are opened for a request. */
  bytes: number
  /** Time in which all of a request have to be there, in milliseconds. @default 30 000 */
  milliseconds?: number
  /** Whether http and https are followed. */
  remote: boolean
  /** Folder of pictures that may be named by file:///…. */
  root?: string
  /** Which addresses may be asked. @default public ones only */
  isAllowed?: (address: string) => boolean
}

const MILLISECONDS = 30_000

/**
 * @param find bytes of what was taken out of the body
 * @throws ApiError for pictures that may not or cannot be had
 */
export async function findPictures(
  references: readonly PictureReference[],
  rules: PictureRules,
  find: (name: string) => Uint8Array | undefined,
  signal?: AbortSignal,
): Promise<Picture[]> {
  if (references.length > rules.count)
    throw invalid(
      `the messages show ${references.length} pictures, more than the ${rules.count} that this server takes`,
      "messages",
    )
  const pictures: Picture[] = []
  const end = performance.now() + (rules.milliseconds ?? MILLISECONDS)
  let left = rules.bytes
  for (const reference of references) {
    if (reference.type === "base64") pictures.push({ base64: find(reference.data) ?? reference.data })
    else {
      const timeoutMs = Math.max(0, Math.ceil(end - performance.now()))
      const bytes = await open(reference.url, { ...rules, bytes: left }, timeoutMs, signal)
      left -= bytes.length
      pictures.push({ bytes })
    }
  }
  return pictures
}

async function open(
  url: string,
  { bytes, remote, root, isAllowed }: PictureRules,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (/^https?:/i.test(url)) {
    if (!remote)
      throw new ApiError(
        400,
        "this server fetches no pictures: send the picture itself as a data URI, or start the server with --allow-remote-images",
        {
          param: "messages",
          code: "remote_images_not_allowed",
        },
      )
    return fetchPicture(url, { bytes, timeoutMs, signal, isAllowed })
  }
  if (/^file:/i.test(url) && root !== undefined) return readLocalPicture(url, root, bytes)
  throw invalid(
    "a picture must be a data URI with base64, such as data:image/png;base64,…",
    "messages",
    "image_not_available",
  )
}
