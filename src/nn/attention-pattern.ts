/** Which keys each query row may see, as plain data. Every forward of the system is one of these patterns. */

/** A half-open interval [start, end). */
export type Interval = readonly [start: number, end: number]

/** Consecutive query rows that see the same keys: one interval, or two for noised blocks (clean prefix, own block). */
export interface Span {
  queries: Interval
  keys: readonly Interval[]
}

export interface AttentionPattern {
  /** Query rows of this call; the spans cover them in order, without gaps. */
  queries: number
  /** Keys: cached rows first, then the rows of this call. */
  keys: number
  spans: readonly Span[]
}

/**
 * Row i sees every row of its own block of `blockSize` rows and of the blocks before it. Blocks are counted from the
 * first cached row, so `past` may end inside one.
 * @param past rows in the cache
 */
export function blockCausal(rows: number, blockSize: number, past = 0): AttentionPattern {
  const keys = past + rows
  const spans: Span[] = []
  for (let start = 0; start < rows; ) {
    const end = Math.min(rows, (Math.floor((past + start) / blockSize) + 1) * blockSize - past)
    spans.push({ queries: [start, end], keys: [[0, past + end]] })
    start = end
  }
  return { queries: rows, keys, spans }
}

/** Row i sees the cached rows and rows 0..i. */
export function causal(rows: number, past = 0): AttentionPattern {
  return blockCausal(rows, 1, past)
}

/**
 * The first rows, `stored`, see those before them and themselves; the rows behind, whole blocks, are block-causal over all
 * of them.
 * @param past rows in the cache
 */
export function causalThenBlocks(rows: number, stored: number, blockSize: number, past = 0): AttentionPattern {
  const blocks = blockCausal(rows - stored, blockSize, past + stored).spans.map(
    ({ queries: [start, end], keys }): Span => {
      return { queries: [stored + start, stored + end], keys }
    },
  )
  return { queries: rows, keys: past + rows, spans: [...causal(stored, past).spans, ...blocks] }
}

/** Every row sees every row. */
export function bidirectional(rows: number, past = 0): AttentionPattern {
  return {
    queries: rows,
    keys: past + rows,
    spans: rows === 0 ? [] : [{ queries: [0, rows], keys: [[0, past + rows]] }],
  }
}

/** Separate segments: every row sees the rows of its own segment. */
export function windows(lengths: readonly number[]): AttentionPattern {
  return sideBySide(lengths.map((length) => bidirectional(length)))
}

/** Several patterns without a cache in one sequence: each sees itself only. */
export function sideBySide(patterns: readonly AttentionPattern[]): AttentionPattern {
  const spans: Span[] = []
  let start = 0
  for (const pattern of patterns) {
    if (pattern.keys !== pattern.queries) throw new RangeError("patterns with cached rows cannot lie side by side")
    const moved = ([from, to]: Interval): Interval => [start + from, start + to]
    for (const { queries: rows, keys } of pattern.spans) spans.push({ queries: moved(rows), keys: keys.map(moved) })
    start += pattern.queries
  }
  return { queries: start, keys: start, spans }
}

/**
 * The training pattern of block diffusion (paper, section 3.4; docs/reference.md, "Training attention"), on the rows that
 * are needed: clean rows 0..cleanTokens, block-causal, and behind them noised copies of blocks. A noised copy of block b
 * sees the clean rows of the blocks before b and itself. `noisedBlocks` is the index of the block that each copy is of,
 * `length` that of the sequence, which may end inside its last block. `cleanBlock` is the size of the blocks in which the
 * clean rows see each other: that of the noised ones if not given; 1 makes them causal.
 */
export function noisedOverClean({
  cleanTokens,
  noisedBlocks,
  blockSize,
  length,
  cleanBlock = blockSize,
}: {
  cleanTokens: number
  noisedBlocks: ArrayLike<number>
  blockSize: number
  length: number
  cleanBlock?: number
}): AttentionPattern {
  const spans = [...blockCausal(cleanTokens, cleanBlock).spans]
  let start = cleanTokens
  for (let i = 0; i < noisedBlocks.length; i++) {
    const prefix = noisedBlocks[i] * blockSize
    if (prefix > cleanTokens)
      throw new RangeError(`noised block ${noisedBlocks[i]} needs ${prefix} clean rows, but there are ${cleanTokens}`)
    const end = start + Math.min(blockSize, length - prefix)
    spans.push({
      queries: [start, end],
      keys:
        prefix > 0
          ? [
              [0, prefix],
              [start, end],
            ]
          : [[start, end]],
    })
    start = end
  }
  return { queries: start, keys: start, spans }
}

/**
 * The pattern with a sliding window: no query sees a key that is `window` or more positions away, before or after it.
 * Every query sees itself, and the keys of a query, joined, are the positions from 0 on: so the distance is that between
 * a key and the query's own in the joined list, for noised blocks over a clean prefix too.
 * @returns the same object when the window is as long as the sequence
 */
export function withinWindow(pattern: AttentionPattern, window: number): AttentionPattern {
  const past = pattern.keys - pattern.queries
  const spans = pattern.spans.flatMap(({ queries: rows, keys }): Span[] => {
    const length = keys.reduce((sum, [start, end]) => sum + end - start, 0)
    if (length <= window) return [{ queries: rows, keys }]
    return Array.from({ length: rows[1] - rows[0] }, (_, i): Span => {
      const row = rows[0] + i
      const index = indexIn(keys, past + row)
      return { queries: [row, row + 1], keys: slice(keys, index - window + 1, index + window) }
    })
  })
  return spans.length === pattern.spans.length && spans.every(({ keys }, i) => keys === pattern.spans[i].keys)
    ? pattern
    : { ...pattern, spans }
}

/** Where a key lies in the joined list of intervals. */
function indexIn(keys: readonly Interval[], key: number): number {
  let before = 0
  for (const [start, end] of keys) {
    if (key >= start && key < end) return before + key - start
    before += end - start
  }
  throw new RangeError(`query ${key} does not see itself: a window has no meaning for this pattern`)
}

/** The keys from index `from` to `until` of the joined list. */
function slice(keys: readonly Interval[], from: number, until: number): Interval[] {
  const result: Interval[] = []
  let before = 0
  for (const [start, end] of keys) {
    const [first, last] = [Math.max(start, start + from - before), Math.min(end, start + until - before)]
    if (first < last) result.push([first, last])
    before += end - start
  }
  return result
}

/** The pattern of some query rows (ascending) over all keys: for a layer of which only these rows are wanted. */
export function selectQueries(pattern: AttentionPattern, rows: ArrayLike<number>): AttentionPattern {
  const spans: Span[] = []
  let next = 0
  for (const span of pattern.spans) {
    const start = next
    while (next < rows.length && rows[next] >= span.queries[0] && rows[next] < span.queries[1]) next++
    if (next > start) spans.push({ queries: [start, next], keys: span.keys })
  }
  if (next < rows.length) {
    throw new RangeError(`row ${rows[next]} was asked for, of a pattern of ${pattern.queries} rows; rows must ascend`)
  }
  return { queries: next, keys: pattern.keys, spans }
}

/**
 * The pattern of a dense mask without a cache: who sees whom, asked for each pair of rows.
 * @param sees whether query row q sees key row k
 */
export function fromDense(rows: number, sees: (q: number, k: number) => boolean): AttentionPattern {
  const spans = Array.from({ length: rows }, (_, q): Span => {
    const keys: [number, number][] = []
    for (let k = 0; k < rows; k++) {
      if (!sees(q, k)) continue
      const last = keys[keys.length - 1]
      if (last?.[1] === k) last[1]++
      else keys.push([k, k + 1])
    }
    return { queries: [q, q + 1], keys }
  })
  return { queries: rows, keys: rows, spans }
}

/** The whole pattern as [rows, keys] bytes, 1 = may attend. */
export function toDense(pattern: AttentionPattern): Uint8Array {
  const dense = new Uint8Array(pattern.queries * pattern.keys)
  for (const span of pattern.spans) {
    for (let row = span.queries[0]; row < span.queries[1]; row++) {
      for (const [start, end] of span.keys) dense.fill(1, row * pattern.keys + start, row * pattern.keys + end)
    }
  }
  return dense
}
