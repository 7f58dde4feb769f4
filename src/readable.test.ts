import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { UserError } from "./errors.js"
import { counted, readable, readableMessage } from "./readable.js"

describe("values in sentences", () => {
  it("keeps both ends of what is too long, and shows control characters", () => {
    expect(readable("short")).toBe("short")
    expect(readable("a\nb")).toBe("a\\nb")
    expect(readable("\x1b[2J\x7f\x9b\u2028\u202e\ud800")).toBe("\\u001b[2J\\u007f\\u009b\\u2028\\u202e\\ud800")
    expect(readable(`/start/${"x".repeat(500)}/end.png`, 21)).toBe("/start/xxx…xx/end.png")
  })

  it("one thing and several", () => {
    expect([0, 1, 2].map((n) => counted(n, "round"))).toEqual(["0 rounds", "1 round", "2 rounds"])
  })

  it("a place that is empty is seen", () => {
    expect(new UserError("there is no such file", { where: "" }).format()).toBe('"": there is no such file')
    expect(new UserError("there is no such file").format()).toBe("there is no such file")
  })

  it("never exceeds the length, whatever is given", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 2000 }), fc.integer({ min: 5, max: 300 }), (text, longest) => {
        expect(readable(text, longest).length).toBeLessThanOrEqual(longest)
      }),
    )
  })

  it("cuts the lines and the number of lines of a message that repeats what was typed", () => {
    const message = `error: ${"a".repeat(9000)}\n${"\n".repeat(8000)}(help)`
    const lines = readableMessage(message).split("\n")
    expect(lines.length).toBe(21)
    expect(Math.max(...lines.map((line) => line.length))).toBe(399)
    expect(lines[0].startsWith("error: aaa")).toBe(true)
    expect(lines[20]).toBe("(help)")
    expect(readableMessage("error: one\ntwo")).toBe("error: one\ntwo")
  })
})
