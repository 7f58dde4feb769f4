import { expect, test } from "vitest"
import type { StreamEvent } from "../protocol/client.js"
import type { Chunk } from "../protocol/contract.js"
import { type Answer, ended, heard, isRunning, newAnswer, toForget } from "./answer.js"

const chunk = (chunk: Chunk): StreamEvent => ({ type: "chunk", chunk })
const listen = (...events: StreamEvent[]): Answer => events.reduce(heard, newAnswer())

const STREAM: StreamEvent[] = [
  chunk({ choices: [{ delta: {}, finish_reason: null }] }),
  {
    type: "draft",
    draft: {
      index: 0,
      block: 0,
      step: 1,
      start: 0,
      end: 1,
      tokens: [{ position: 0, text: "a", confidence: 1, fixed: true }],
    },
  },
  {
    type: "commit",
    commit: { index: 0, start: 0, end: 1, text: "a", tokens: [{ position: 0, text: "a", confidence: 1 }] },
  },
  chunk({ choices: [{ delta: { content: "a" }, finish_reason: null }] }),
  chunk({ choices: [{ delta: {}, finish_reason: "stop" }] }),
  chunk({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 1, diffusion: { forwards: 2 } } }),
]

test("a whole stream", () => {
  const answer = ended(listen(...STREAM), "done")
  expect(answer).toMatchObject({ status: "done", text: "a", finish: "stop", cost: { forwards: 2 } })
  expect(answer.usage?.completion_tokens).toBe(1)
  expect(answer.timeline?.moments).toHaveLength(2)
  expect(answer.timeline?.settled).toBe("a")
})

test("an empty first chunk is no beginning; a draft is", () => {
  expect(listen(STREAM[0]).status).toBe("waiting")
  expect(listen(STREAM[0], STREAM[1]).status).toBe("streaming")
  expect(isRunning(listen(STREAM[0]))).toBe(true)
})

test("what was heard before it was stopped or failed stays", () => {
  const part = listen(...STREAM.slice(0, 4))
  expect(ended(part, "stopped")).toMatchObject({ text: "a", status: "stopped" })
  expect(ended(part, "failed", { what: "No." })).toMatchObject({ text: "a", problem: { what: "No." } })
  expect(isRunning(ended(part, "stopped"))).toBe(false)
})

test("a forgotten timeline does not come back", () => {
  const forgotten = { ...newAnswer(), timeline: undefined }
  const answer = STREAM.reduce(heard, forgotten as Answer)
  expect(answer.timeline).toBeUndefined()
  expect(answer.text).toBe("a")
})

test("the oldest are forgotten first", () => {
  expect(toForget([1, 2, 3])).toEqual([])
  expect(toForget([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toEqual([1, 2])
})
