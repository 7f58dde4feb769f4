import { describe, expect, it } from "vitest"
import type { StepWithLogProbabilities } from "../../paradigms/log-probabilities.js"
import type { Tokenizer } from "../../text/tokenizer/tokenizer.js"
import { completionWriter } from "../protocol/openai-answer.js"
import type { AnswerEvent } from "../request.js"
import { AnswerTrack } from "./track.js"

/** A token for each of these texts; the last is none. */
const TEXTS = ["He", "llo", " EN", "D now", "x", ""]
const tokenizer = { decode: (ids: number[]) => ids.map((id) => TEXTS[id]).join("") } as unknown as Tokenizer
const MASK = 99

/** One step of a block that makes all of its tokens final. */
function step(ids: number[], start = 0): StepWithLogProbabilities {
  const positions = Int32Array.from(ids, (_, i) => start + i)
  return {
    type: "step",
    block: 0,
    step: 0,
    start,
    end: start + ids.length,
    positions,
    ids: Int32Array.from(ids),
    confidences: Float32Array.from(ids, () => 0.5),
    fixed: positions,
    logProbabilities: {
      chosen: Float32Array.from(ids, () => -1),
      topIds: new Int32Array(),
      top: new Float32Array(),
    },
  } as unknown as StepWithLogProbabilities
}

const tracked = (stop: string[], blocks: number[][]) => {
  const options = { index: 0, promptTokens: 0, most: 50, eos: [], maskToken: MASK, stop, progress: true }
  const track = new AnswerTrack(tokenizer, options)
  const events: AnswerEvent[] = []
  let start = 0
  for (const block of blocks) {
    events.push(...track.step(step(block, start)))
    start += block.length
  }
  events.push(...track.finish(Int32Array.from(blocks.flat())))
  return events
}

describe("AnswerTrack", () => {
  it("drafts show nothing behind a stop text", () => {
    const events = tracked(["END"], [[0, 1, 2, 3, 4]])
    const drafts = events.filter((event) => event.type === "draft")
    // The token in which it begins is the last.
    expect(drafts.map(({ start, end, tokens }) => [start, end, tokens.map(({ text }) => text)])).toEqual([
      [0, 3, ["He", "llo", " EN"]],
    ])
    expect(JSON.stringify(events)).not.toContain("now")
  })

  it("lists every token of an answer, also those that end it without a text", () => {
    const tokens = tracked(
      [],
      [
        [0, 1, 5],
        [4, 5],
      ],
    ).flatMap((event) => (event.type === "text" ? (event.tokens ?? []) : []))
    expect(tokens.map(({ token }) => token)).toEqual(["He", "llo", "", "x", ""])
  })

  it("tells the offsets of tokens while text is held back as when it is whole", () => {
    // "llo" may begin the stop text: half of it is held back.
    for (const stop of [["lo END!"], ["o EN?"], ["END"], []]) {
      const writer = completionWriter({ id: "i", created: 0, model: "m", n: 1, usage: false, logs: true })
      const chunks = tracked(stop, [[0, 1], [2], [4, 3]]).flatMap((event) => writer.take(event))
      const offsets = chunks.flatMap(({ event, data }) => {
        if (event !== undefined) return []
        return (data as { choices: [{ logprobs: { text_offset: number[] } }] }).choices[0].logprobs.text_offset
      })
      const { choices } = writer.whole() as { choices: [{ logprobs: { text_offset: number[] } }] }
      expect(offsets).toEqual(choices[0].logprobs.text_offset)
      expect(offsets).toEqual([0, 2, 5, 8, 9].slice(0, offsets.length))
    }
  })
})
