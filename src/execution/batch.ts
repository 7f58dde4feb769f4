/**
 * Which requests are computed in the next forward, and how much of each. Knows no tensors.
 *
 * The oldest come first, and whoever was left out is older in the next forward: nobody waits for longer than the requests
 * before it need. A request that can be computed in parts takes half of the rows at most while others fill the rest, so a
 * long prompt neither holds up those that decode nor is held up by them.
 */

import type { ForwardRequest } from "../paradigms/decode-loop.js"

/** A request, or what is left of it, that waits for its turn. */
export interface Asked extends ForwardRequest {
  /** Tokens of the sequence up to the end of the whole request. */
  length: number
}

/** What is computed at once: all of a request, or its first tokens, which only fill the cache. */
export interface Part extends Asked {
  /** Whether nothing is left behind it. */
  last: boolean
}

/** Rows of a forward that a request takes. */
const rowsOf = ({ ids, companion }: ForwardRequest): number => ids.length + (companion?.length ?? 0)

/**
 * Takes from the queue what is computed next, the oldest first; what is left of a request is `behind` its part.
 * @param mostRows of the forward; exceeded only by a single request that cannot be cut
 */
export function takeBatch<T extends { request: Asked }>(
  queue: T[],
  mostRows: number,
): { taken: { from: T; part: Part }[]; left: T[] } {
  const taken: { from: T; part: Part }[] = []
  const left: T[] = []
  let rows = mostRows
  for (const from of queue) {
    const { request } = from
    const share = Math.min(rows, Math.ceil(mostRows / 2))
    const part =
      partOf(request, share) ?? partOf(request, rows) ?? (taken.length === 0 ? smallestPart(request) : undefined)
    if (part) taken.push({ from, part })
    else left.push(from)
    if (part) rows -= rowsOf(part)
  }
  for (const one of taken) {
    if (one.part.last || rows <= 0) continue
    const longer = partOf(one.from.request, rowsOf(one.part) + rows) as Part
    rows -= rowsOf(longer) - rowsOf(one.part)
    one.part = longer
  }
  return { taken, left }
}

/** What is left of a request behind a part of it. */
export function behind({ start, ids, commit, ...request }: Asked, tokens: number): Asked {
  return { ...request, start: start + tokens, ids: ids.subarray(tokens), commit: commit - tokens }
}

/**
 * As much of a request as fits into so many rows: all of it, or first tokens that stay in the cache and predict nothing. They
 * end with a block, so that every token sees what it would see in one forward.
 */
function partOf(request: Asked, rows: number): Part | undefined {
  if (rowsOf(request) <= rows) return { ...request, last: true }
  const { start, ids, blockSize, commit, wanted } = request
  if (!Number.isFinite(blockSize)) return undefined
  const cuttable = Math.min(commit, (wanted[0] ?? Number.POSITIVE_INFINITY) - start, rows)
  const tokens = Math.floor(cuttable / blockSize) * blockSize
  if (tokens <= 0) return undefined
  return {
    ...request,
    ids: ids.subarray(0, tokens),
    commit: tokens,
    wanted: new Int32Array(),
    branches: undefined,
    keep: undefined,
    companion: undefined,
    choice: undefined,
    last: false,
  }
}

const smallestPart = (request: Asked): Part => partOf(request, request.blockSize) ?? { ...request, last: true }
