/** One forward for all sequences that want one: ragged, each with its own pattern and cache. */

import type { Work } from "../in-turns.js"
import type { LanguageModel } from "../models/types.js"
import { type AttentionPattern, bidirectional, blockCausal, causalThenBlocks } from "../nn/attention-pattern.js"
import type { KvCache } from "../nn/kv-cache.js"
import { chooseTokens, type Decoding, type ForwardRequest } from "../paradigms/decode-loop.js"
import { type Predictions, type SampledRows, sampleEach } from "../paradigms/sampling.js"
import { cat, type Tensor } from "../torch/index.js"
import type { Asked } from "./batch.js"
import { packRows, type SequenceRows } from "./packed-rows.js"
import type { Slot } from "./slot.js"

export interface SlotRequest {
  slot: Slot
  request: Asked
  choose: Decoding["choose"]
}

/** Where the logits of a request come from. */
interface Wanted {
  /** The first of them was kept from an earlier forward. */
  fromBefore: boolean
  /** Rows of the request whose logits are computed now. */
  positions: Int32Array
}

/** Tokens of one sequence that go through the model together. */
interface Segment {
  rows: SequenceRows
  pattern: AttentionPattern
  cache: KvCache | undefined
  /** Tokens of the sequence up to the end of what is asked, of which this may be a piece. */
  length: number
  /** Rows whose logits are wanted. */
  outputPositions: Int32Array
}

const NOTHING: Predictions = { ids: new Int32Array(), confidences: new Float32Array() }

/**
 * In pieces, between which other work may run.
 * @returns what was predicted for each, or why nothing could be: a sequence whose numbers broke does not stop the others
 */
export function* forwardSlots(model: LanguageModel, requests: readonly SlotRequest[]): Work<(Predictions | Error)[]> {
  for (const { slot, request } of requests) slot.cache.truncate(Math.min(slot.cache.length, request.start))
  const wanted = requests.map(({ request }) => wantedOf(request))
  const segments = requests.map(({ slot, request }, i) =>
    request.ids.length > 0 ? segmentOf(slot, request, wanted[i].positions) : undefined,
  )
  const companions = requests.map(({ slot, request }) => companionOf(slot, request))
  const logits = yield* logitsOf(model, [...segments, ...companions])
  for (const { slot, request } of requests) if (request.commit > 0) slot.cache.commit(request.commit)
  const rows = requests.map(({ slot, request }, i) => {
    const now = logits[i]
    if (!wanted[i].fromBefore) return now ? [now] : []
    const all = now ? [slot.kept(request.wanted[0]), now] : [slot.kept(request.wanted[0])]
    // What was kept is given back when something else is.
    return request.keep === undefined ? all : [cat(all)]
  })
  requests.forEach(({ slot, request: { keep, wanted: asked } }, i) => {
    if (keep === undefined || (wanted[i].fromBefore && keep === asked[0])) return
    const { positions, fromBefore } = wanted[i]
    const row = asked.indexOf(keep) - (fromBefore ? 1 : 0)
    slot.keep(keep, positions.length === 1 ? (logits[i] as Tensor) : (logits[i] as Tensor).narrow(0, row, 1))
  })
  return chosen(
    requests.map(({ request, choose }, i) => ({
      choice: request.wanted.length > 0 ? request.choice : undefined,
      choose,
      rows: rows[i],
      companion: logits[requests.length + i],
    })),
  )
}

/** Rows of logits, and what is to be chosen from them; nothing where there is no choice. */
interface Choosing {
  choice: unknown
  choose: Decoding["choose"]
  rows: readonly Tensor[]
  companion: Tensor | undefined
}

/** What is chosen by plain numbers is chosen together, the rest one after the other. */
function chosen(all: readonly Choosing[]): (Predictions | Error)[] {
  const sampled = all.map(({ choice, choose, rows }): SampledRows | undefined => {
    if (choice === undefined || typeof choose === "function") return undefined
    return { ...choose.sampling(choice), logits: rows }
  })
  const together = sampleEach(sampled.filter((rows) => rows !== undefined))[Symbol.iterator]()
  return all.map(({ choice, choose, rows, companion }, i) => {
    if (choice === undefined) return NOTHING
    if (sampled[i]) return together.next().value as Predictions | Error
    try {
      return chooseTokens(choose, cat(rows), choice, companion)
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  })
}

function wantedOf({ start, wanted }: ForwardRequest): Wanted {
  const fromBefore = wanted.length > 0 && wanted[0] < start
  return { fromBefore, positions: wanted.subarray(fromBefore ? 1 : 0).map((position) => position - start) }
}

function segmentOf(slot: Slot, request: Asked, outputPositions: Int32Array): Segment {
  const past = slot.cache.length
  const { ids, commit, length } = request
  const pattern = patternOf(request, ids.length, past)
  // What neither sees earlier tokens nor leaves any needs no memory for them.
  const cache = past + commit > 0 ? slot.cache : undefined
  return { rows: slot.rows(request), pattern, cache, length, outputPositions }
}

function companionOf(slot: Slot, request: ForwardRequest): Segment | undefined {
  const { companion, wanted } = request
  if (!companion) return undefined
  const rows = { prompt: undefined, ids: companion, positions: slot.positions({ start: 0, ids: companion }) }
  const pattern = patternOf(request, companion.length, 0)
  return { rows, pattern, cache: undefined, length: companion.length, outputPositions: wanted }
}

function patternOf(request: ForwardRequest, rows: number, past: number): AttentionPattern {
  const { blockSize, commit, commitCausally } = request
  if (commitCausally) return causalThenBlocks(rows, commit, blockSize, past)
  return Number.isFinite(blockSize) ? blockCausal(rows, blockSize, past) : bidirectional(rows, past)
}

/** Logits [n, V] of the wanted rows of each segment, all from one forward; undefined where nothing is wanted. */
function* logitsOf(model: LanguageModel, all: readonly (Segment | undefined)[]): Work<(Tensor | undefined)[]> {
  const segments = all.filter((segment) => segment !== undefined)
  if (segments.length === 0) return all.map(() => undefined)
  const packed = packRows(
    model,
    segments.map(({ rows }) => rows),
  )
  const hidden = yield* model.forwardInPieces({
    ...packed,
    patterns: segments.map(({ pattern }) => pattern),
    caches: segments.map(({ cache }) => cache),
    lengths: segments.map(({ length }) => length),
    outputPositions: segments.map(({ outputPositions }) => outputPositions),
  })
  const total = hidden.shape[0]
  if (total === 0) return all.map(() => undefined)
  const logits = model.logits(hidden)
  let row = 0
  return all.map((segment) => {
    const rows = segment?.outputPositions.length ?? 0
    row += rows
    if (rows === 0) return undefined
    return rows === total ? logits : logits.narrow(0, row - rows, rows)
  })
}
