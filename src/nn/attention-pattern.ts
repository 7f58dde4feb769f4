/** Which keys each query row may see, as plain data. Every forward of the system is one of these patterns. */

/** A half-open interval [start, end). */
export type Interval = readonly [start: number, end: number]

/** Consecutive query rows that see the same keys: one interval, or two for noised blocks (clean prefix, own block). */
export interface Span {
  rows: Interval
  keys: readonly Interval[]
}

export interface AttentionPattern {
  /** Query rows of this call; the spans cover them in order, without gaps. */
  rows: number
  /** Keys: cached rows first, then the rows of this call. */
  keys: number
  spans: readonly Span[]
}
