import { describe, expect, it } from "vitest"
import { toDense } from "../../nn/attention-pattern.js"
import { LLADA_TURNS, type TurnMarks, turnCausal, turnRule, turnsOf, turnsOfSample } from "./turns.js"

/** [ begins a message, ] ends one, a is the assistant's mark, u a user's, s the system's, x text, . no label. */
const MARKS: TurnMarks = { start: 1, end: 2, assistant: 3 }
const turns = (text: string): string =>
  turnsOf(
    Int32Array.from(text, (c) => ({ "[": 1, "]": 2, a: 3, u: 4, s: 5, x: 6 })[c] ?? -100),
    MARKS,
  ).join("")

describe("turns of a conversation", () => {
  it.each([
    ["the system's words and the first question are of the first turn", "[s.][u..][axx]", "00000000000000"],
    ["a question behind an answer begins the next", "[s.][u.][ax].[u.][ax]", "000000000000011111111"],
    ["what lies between and behind inherits", "[u][a]..[u][a]..", "0000000011111111"],
    ["two questions in a row are one turn", "[u][a][u][u][a][u]", "000000111111111222"],
    ["without marks all is one turn", "...xxx..", "00000000"],
    ["a message that does not end is none", "[u][a][u..", "0000000000"],
    ["marks count where they are labelled", "[.][a].x.[a]", "000000000000"],
  ])("%s", (_, text, expected) => {
    expect(turns(text)).toBe(expected)
  })

  it("end with their answers in conversations without LLaDA's marks, whatever else is labelled", () => {
    const labels = Int32Array.from(".n.aa.n.aaa", (c) => (c === "." ? -100 : 7))
    const answers = [
      { start: 3, end: 5 },
      { start: 8, end: 11 },
    ]
    expect(turnsOfSample({ labels, answers }, "answers").join("")).toBe("00000111111")
    expect(turnsOfSample({ labels }, "answers").join("")).toBe("00000000000")
    expect(turnsOfSample({ labels, answers }, MARKS).join("")).toBe("00000000000")
    expect(turnRule({ chat: "qwen_2_5" })).toBe("answers")
    expect(turnRule({ chat: "llava_llada" })).toBe(LLADA_TURNS)
  })

  it("hide what comes later from those before", () => {
    const pattern = turnCausal(Int32Array.of(0, 0, 1, 2, 2))
    const dense = toDense(pattern)
    const rows = Array.from({ length: 5 }, (_, q) => dense.subarray(q * 5, q * 5 + 5).join(""))
    expect(rows).toEqual(["11000", "11000", "11100", "11111", "11111"])
    expect(turnCausal(Int32Array.of(0, 0, 0)).spans).toEqual([{ queries: [0, 3], keys: [[0, 3]] }])
  })
})
