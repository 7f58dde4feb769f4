/** Decides how a list of attention patterns is computed. Plain data in, plain data out: knows no tensors. */

import type { AttentionPattern, Interval, Span } from "./attention-pattern.js"

/** Windows of one length, computed as one batch. */
export interface WindowGroup {
  length: number
  count: number
  /** The first position when the windows are neighbours, else every position of the group in order. */
  positions: number | Int32Array
}

/** A chunk of queries with the keys they see: some seen by all of them, the others under a small mask. */
export interface Chunk {
  queries: Interval
  shared: readonly Interval[]
  masked: readonly Interval[]
  /** [queries, masked keys], 1 = may attend. */
  mask: Uint8Array
}

export type AttentionPlan =
  | { kind: "full" }
  | { kind: "causal" }
  | { kind: "windows"; groups: WindowGroup[]; order: Int32Array | null }
  | { kind: "mask" }
  | { kind: "chunks" }

/** Masks of up to this many elements (about 440 rows) are faster than chunks: above, chunks took 0.5 to 0.8 of the time. */
const MASK_ELEMENTS = 3 << 16

/**
 * @param rows query rows of the call (those of the longest sample)
 * @param keys keys of the call
 */
export function planAttention(patterns: readonly AttentionPattern[], rows: number, keys: number): AttentionPlan {
  if (patterns.every((p) => p.queries === rows && p.spans.every((span) => isAll(span, keys)))) return { kind: "full" }
  // Rows behind a shorter sample attend to padding only among themselves: nobody reads them.
  if (rows === keys && patterns.every((p) => p.keys === p.queries && isCausal(p))) return { kind: "causal" }
  if (patterns.length === 1 && rows === keys && patterns[0].queries === rows && isWindows(patterns[0]))
    return planWindows(patterns[0])
  return rows * keys <= MASK_ELEMENTS ? { kind: "mask" } : { kind: "chunks" }
}

const isAll = ({ keys }: Span, total: number): boolean => keys.length === 1 && keys[0][0] === 0 && keys[0][1] === total

const isCausal = (pattern: AttentionPattern): boolean =>
  pattern.spans.length === pattern.queries &&
  pattern.spans.every(({ keys }, i) => keys.length === 1 && keys[0][0] === 0 && keys[0][1] === i + 1)

const isWindows = (pattern: AttentionPattern): boolean =>
  pattern.spans.every(
    ({ queries: rows, keys }) => keys.length === 1 && keys[0][0] === rows[0] && keys[0][1] === rows[1],
  )

function planWindows(pattern: AttentionPattern): AttentionPlan {
  const byLength = new Map<number, Interval[]>()
  for (const { queries: rows } of pattern.spans) {
    const length = rows[1] - rows[0]
    const group = byLength.get(length)
    if (group) group.push(rows)
    else byLength.set(length, [rows])
  }
  const order = new Int32Array(pattern.queries)
  let filled = 0
  let inOrder = true
  const groups = [...byLength].map(([length, members]): WindowGroup => {
    const first = filled
    for (const [start, end] of members) {
      if (start !== filled) inOrder = false
      for (let row = start; row < end; row++) order[filled++] = row
    }
    const neighbours = members.every(([start], i) => start === members[0][0] + i * length)
    return { length, count: members.length, positions: neighbours ? members[0][0] : order.slice(first, filled) }
  })
  if (inOrder) return { kind: "windows", groups, order: null }
  // Where each position lies in the joined output of the groups.
  const joined = new Int32Array(pattern.queries)
  for (let i = 0; i < order.length; i++) joined[order[i]] = i
  return { kind: "windows", groups, order: joined }
}

/** Cuts a pattern into chunks of at most `size` queries. */
export function chunks(pattern: AttentionPattern, size: number): Chunk[] {
  const result: Chunk[] = []
  let members: Span[] = []
  let filled = 0
  const flush = (): void => {
    if (members.length > 0) result.push(makeChunk(members))
    members = []
    filled = 0
  }
  for (const { queries: rows, keys } of pattern.spans) {
    for (let start = rows[0]; start < rows[1]; ) {
      const end = Math.min(rows[1], start + size - filled)
      members.push({ queries: [start, end], keys })
      filled += end - start
      start = end
      if (filled === size) flush()
    }
  }
  flush()
  return result
}

/** Below this many shared keys one call under a mask is cheaper than two calls. */
const WORTH_SHARING = 64

function makeChunk(spans: readonly Span[]): Chunk {
  const queries: Interval = [spans[0].queries[0], spans[spans.length - 1].queries[1]]
  const union = unite(spans.flatMap(({ keys }) => keys))
  let shared = spans.map(({ keys }) => unite(keys)).reduce(intersect)
  if (shared.length !== union.length || shared.some(([s, e], i) => s !== union[i][0] || e !== union[i][1])) {
    shared = shared.filter(([start, end]) => end - start >= WORTH_SHARING)
  }
  const masked = subtract(union, shared)
  const width = masked.reduce((sum, [start, end]) => sum + end - start, 0)
  const mask = new Uint8Array((queries[1] - queries[0]) * width)
  for (const span of spans) {
    for (let query = span.queries[0] - queries[0]; query < span.queries[1] - queries[0]; query++) {
      let column = query * width
      for (const interval of masked) {
        for (const [start, end] of intersect([interval], span.keys))
          mask.fill(1, column + start - interval[0], column + end - interval[0])
        column += interval[1] - interval[0]
      }
    }
  }
  return { queries, shared, masked, mask }
}

/** Sorted, joined where they touch. */
function unite(intervals: readonly Interval[]): Interval[] {
  const result: [number, number][] = []
  for (const [start, end] of [...intervals].sort((a, b) => a[0] - b[0])) {
    const last = result[result.length - 1]
    if (last && start <= last[1]) last[1] = Math.max(last[1], end)
    else if (end > start) result.push([start, end])
  }
  return result
}

function intersect(a: readonly Interval[], b: readonly Interval[]): Interval[] {
  const result: Interval[] = []
  for (const [s, e] of a) {
    for (const [t, f] of b) if (Math.max(s, t) < Math.min(e, f)) result.push([Math.max(s, t), Math.min(e, f)])
  }
  return result
}

function subtract(from: readonly Interval[], taken: readonly Interval[]): Interval[] {
  return taken.reduce<readonly Interval[]>(
    (left, [t, f]) =>
      left
        .flatMap(([s, e]): Interval[] => [
          [s, Math.min(e, t)],
          [Math.max(s, f), e],
        ])
        .filter(([s, e]) => s < e),
    from,
  ) as Interval[]
}
