/** One forward for all sequences that want one: ragged, each with its own pattern and cache. */

import type { Work } from "../in-turns.js"
import type { LanguageModel } from "../models/types.js"
import {
  type AttentionPattern,
  bidirectional,
  blockCausal,
  causalThenBlocks,
  type Span,
} from "../nn/attention-pattern.js"
import type { KvCache } from "../nn/kv-cache.js"
import { chooseTokens, type Decoding, type ForwardRequest } from "../paradigms/decode-loop.js"
import { type ScoredRows, scoreEach } from "../paradigms/likelihood/scores.js"
import type { LikelihoodScoring, Targets } from "../paradigms/likelihood/scoring.js"
import { type Predictions, type SampledRows, sampleEach } from "../paradigms/sampling.js"
import { cat, type Tensor } from "../torch/index.js"
import type { Asked } from "./batch.js"
import { packRows, type SequenceRows } from "./packed-rows.js"
import type { Slot } from "./slot.js"

/** How tokens are chosen from logits; or given tokens, and it is told how likely they are. */
export type Choose = Decoding["choose"] | LikelihoodScoring["choose"]

export interface SlotRequest {
  slot: Slot
  request: Asked
  choose: Choose
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
  const isScored = requests.map(({ choose }) => choose === "likelihood")
  const hidden = yield* hiddenOf(model, [...segments, ...companions])
  const logits = logitsOf(
    model,
    hidden.map((rows, i) => (isScored[i] ? undefined : rows)),
  )
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
  const scored = scoreEach(
    model,
    requests.flatMap(({ request }, i): ScoredRows[] =>
      isScored[i] && hidden[i] ? [{ hidden: hidden[i], ...(request.choice as Targets) }] : [],
    ),
  )[Symbol.iterator]()
  const choices = chosen(
    requests.map(({ request, choose }, i) => ({
      choice: request.wanted.length > 0 && choose !== "likelihood" ? request.choice : undefined,
      choose: choose as Decoding["choose"],
      rows: rows[i],
      companion: logits[requests.length + i],
    })),
  )
  return choices.map((choice, i) => (isScored[i] && hidden[i] ? (scored.next().value as Predictions | Error) : choice))
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
  const rows = slot.companion(companion)
  const pattern = patternOf(request, companion.length, 0)
  return { rows, pattern, cache: undefined, length: companion.length, outputPositions: wanted }
}

function patternOf(request: ForwardRequest, rows: number, past: number): AttentionPattern {
  const { blockSize, commit, commitCausally, branches, start } = request
  if (branches) {
    const spans = branches.spans.map(
      ({ queries: [from, to], keys }): Span => ({ queries: [from - start, to - start], keys }),
    )
    return { queries: rows, keys: past + rows, spans: [...blockCausal(commit, blockSize, past).spans, ...spans] }
  }
  if (commitCausally) return causalThenBlocks(rows, commit, blockSize, past)
  return Number.isFinite(blockSize) ? blockCausal(rows, blockSize, past) : bidirectional(rows, past)
}

/** Hidden states [n, H] of the wanted rows of each segment, all from one forward; undefined where nothing is wanted. */
function* hiddenOf(model: LanguageModel, all: readonly (Segment | undefined)[]): Work<(Tensor | undefined)[]> {
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
  return divided(
    hidden,
    all.map((segment) => segment?.outputPositions.length ?? 0),
  )
}

/** Logits [n, V] of rows of hidden states, by one product. */
function logitsOf(model: LanguageModel, hidden: readonly (Tensor | undefined)[]): (Tensor | undefined)[] {
  const rows = hidden.filter((each) => each !== undefined)
  if (rows.length === 0) return hidden.map(() => undefined)
  return divided(
    model.logits(rows.length === 1 ? rows[0] : cat(rows)),
    hidden.map((each) => each?.shape[0] ?? 0),
  )
}

/** Parts of rows that lie behind one another; undefined for those of none. */
function divided(rows: Tensor, counts: readonly number[]): (Tensor | undefined)[] {
  const total = rows.shape[0]
  let end = 0
  return counts.map((count) => {
    end += count
    if (count === 0) return undefined
    return count === total ? rows : rows.narrow(0, end - count, count)
  })
}
