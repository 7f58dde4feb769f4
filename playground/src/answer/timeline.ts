/** How an answer came to be, moment by moment: recorded while it streams, shown live and replayed. */

import type { CommitEvent, DraftEvent, DraftToken } from "../protocol/contract.js"

export type Cell = Pick<DraftToken, "text" | "confidence" | "fixed">

/** One denoising step, or text that became final. */
export interface Moment {
  /** Its number among the denoising steps, or among the commits. */
  number: number
  /** How many characters of the settled text stood before the cells. */
  settled: number
  /** The block as it was; after a commit, the tokens that just became final. */
  cells: readonly Cell[]
  /** Of a denoising step; a commit has neither. */
  block?: number
  step?: number
}

export interface Timeline {
  /** Texts of all commits so far. */
  settled: string
  /** Grows in place, so that a long answer does not take quadratic time. */
  moments: Moment[]
  /** How many denoising steps and commits there were. */
  steps: number
  commits: number
  /** Cells of all moments. */
  cells: number
  /** One of how many denoising steps is kept; of an autoregressive answer, which has none, one of how many commits. */
  every: number
}

/** What an answer may keep: more is thinned out, so that a long one does not fill the memory. */
export const MOST_CELLS = 100_000

export const emptyTimeline = (): Timeline => ({ settled: "", moments: [], steps: 0, commits: 0, cells: 0, every: 1 })

export function withDraft(timeline: Timeline, { block, step, tokens }: DraftEvent): Timeline {
  const cells = tokens.map(({ text, confidence, fixed }) => ({ text, confidence, fixed }))
  const moment = { number: timeline.steps, settled: timeline.settled.length, cells, block, step }
  return append({ ...timeline, steps: timeline.steps + 1 }, moment)
}

export function withCommit(timeline: Timeline, { text, tokens }: CommitEvent): Timeline {
  const cells = tokens.map(({ text, confidence }) => ({ text, confidence, fixed: true }))
  const moment = { number: timeline.commits, settled: timeline.settled.length, cells }
  const settled = timeline.settled + text
  return append({ ...timeline, settled, commits: timeline.commits + 1 }, moment)
}

function append(timeline: Timeline, moment: Moment): Timeline {
  const { moments, every } = timeline
  let { cells } = timeline
  const last = moments.at(-1)
  // It was kept so far because it was the newest.
  if (last && !isKept(timeline, last, every)) cells -= (moments.pop() as Moment).cells.length
  moments.push(moment)
  cells += moment.cells.length
  return cells > MOST_CELLS ? thinned(timeline) : { ...timeline, cells }
}

/** Without every second denoising step or, where there are none, every second commit; the newest moment stays. */
function thinned(timeline: Timeline): Timeline {
  const every = timeline.every * 2
  const moments = timeline.moments.filter((moment, i, all) => i === all.length - 1 || isKept(timeline, moment, every))
  return { ...timeline, moments, every, cells: moments.reduce((sum, { cells }) => sum + cells.length, 0) }
}

function isKept({ steps }: Timeline, { step, number }: Moment, every: number): boolean {
  const marksBlock = step === undefined && steps > 0
  return marksBlock || number % every === 0
}

/** What stands before a moment's cells. */
export const settledBefore = (timeline: Timeline, moment: Moment): string => timeline.settled.slice(0, moment.settled)

/** "block 2, step 3: 5 of 8 tokens settled": both counted from one, as people do. */
export function describe({ block, step, cells }: Moment): string {
  const fixed = cells.filter((cell) => cell.fixed).length
  const tokens = `${fixed} of ${cells.length} ${cells.length === 1 ? "token" : "tokens"} settled`
  if (step === undefined) return `${cells.length} ${cells.length === 1 ? "token" : "tokens"} became final`
  return `block ${(block ?? 0) + 1}, step ${step + 1}: ${tokens}`
}

/** Blanks and breaks of a token under way are marks: which token holds them is part of what is seen. */
export function visible(text: string): string {
  return text.replace(/\r?\n/g, "⏎").replace(/[\p{Cc}\ufffd]/gu, "�")
}

/** "“cat”, 83 %" */
export function title({ text, confidence, fixed }: Cell): string {
  const token = text === null ? "masked" : text === "" ? "end" : `“${visible(text)}”`
  const chance = confidence === null || confidence === undefined ? "" : `, ${Math.round(confidence * 100)} %`
  return `${token}${chance}${fixed ? "" : text === null ? "" : ", a candidate"}`
}
