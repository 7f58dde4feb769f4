import { expect, test } from "vitest"
import type { DraftEvent } from "../protocol/contract.js"
import {
  describe,
  emptyTimeline,
  MOST_CELLS,
  settledBefore,
  type Timeline,
  title,
  visible,
  withCommit,
  withDraft,
} from "./timeline.js"

const draft = (block: number, step: number, texts: (string | null)[], fixed: number): DraftEvent => ({
  index: 0,
  block,
  step,
  start: block * texts.length,
  end: (block + 1) * texts.length,
  tokens: texts.map((text, i) => ({ position: i, text, confidence: text === null ? null : 0.5, fixed: i < fixed })),
})
const commit = (texts: string[]) => ({
  index: 0,
  start: 0,
  end: texts.length,
  text: texts.join(""),
  tokens: texts.map((text, position) => ({ position, text, confidence: 0.9 })),
})

test("drafts stand behind what was settled before them; commits settle", () => {
  let timeline = withDraft(emptyTimeline(), draft(0, 0, ["a", null], 1))
  timeline = withCommit(timeline, commit(["a", " cat"]))
  timeline = withDraft(timeline, draft(1, 0, [" sat", "."], 0))
  expect(timeline.settled).toBe("a cat")
  expect(timeline.moments.map((moment) => settledBefore(timeline, moment))).toEqual(["", "", "a cat"])
  expect(timeline.moments.map(describe)).toEqual([
    "block 1, step 1: 1 of 2 tokens settled",
    "2 tokens became final",
    "block 2, step 1: 0 of 2 tokens settled",
  ])
  expect(timeline.moments[1].cells).toEqual([
    { text: "a", confidence: 0.9, fixed: true },
    { text: " cat", confidence: 0.9, fixed: true },
  ])
  expect(timeline.cells).toBe(6)
})

/** Many blocks of 100 tokens and 100 steps each. */
function long(blocks: number): Timeline {
  let timeline = emptyTimeline()
  const texts = Array.from({ length: 100 }, () => "x")
  for (let block = 0; block < blocks; block++) {
    for (let step = 1; step <= 100; step++) timeline = withDraft(timeline, draft(block, step, texts, step))
    timeline = withCommit(timeline, commit(texts))
  }
  return timeline
}

test("a long answer is thinned out: steps go, commits and the end stay", () => {
  const timeline = long(30)
  expect(timeline.cells).toBeLessThanOrEqual(MOST_CELLS)
  expect(timeline.cells).toBeGreaterThan(MOST_CELLS / 4)
  expect(timeline.every).toBe(4)
  expect(timeline.settled).toHaveLength(3000)
  expect(timeline.moments.filter(({ step }) => step === undefined)).toHaveLength(30)
  expect(timeline.moments.at(-1)?.step).toBeUndefined()
  const places = timeline.moments.map(({ settled }) => settled)
  expect(places).toEqual([...places].sort((a, b) => a - b))
  expect(timeline.cells).toBe(timeline.moments.reduce((sum, { cells }) => sum + cells.length, 0))
})

test("an autoregressive answer without end is thinned out too", () => {
  let timeline = emptyTimeline()
  for (let i = 0; i < MOST_CELLS + 10; i++) timeline = withCommit(timeline, commit(["x"]))
  expect(timeline.cells).toBeLessThanOrEqual(MOST_CELLS)
  expect(timeline.settled).toHaveLength(MOST_CELLS + 10)
})

test("what a cell is called", () => {
  expect(title({ text: " cat", confidence: 0.834, fixed: true })).toBe("“ cat”, 83 %")
  expect(title({ text: "\n", confidence: 0.1, fixed: false })).toBe("“⏎”, 10 %, a candidate")
  expect(title({ text: null, confidence: null, fixed: false })).toBe("masked")
  expect(title({ text: "", confidence: 1, fixed: true })).toBe("end, 100 %")
  expect(visible("a\r\nb\tc\ufffd")).toBe("a⏎b�c�")
})
