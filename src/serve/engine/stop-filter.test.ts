import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { StopFilter } from "./stop-filter.js"

const through = (stops: string[], pieces: string[]): { text: string; stopped: string | undefined } => {
  const filter = new StopFilter(stops)
  const text = pieces.map((piece) => filter.push(piece)).join("") + filter.finish()
  return { text, stopped: filter.stopped }
}

describe("StopFilter", () => {
  it("finds a text that is spread over pieces, and holds its beginning back", () => {
    const filter = new StopFilter(["\n\nUser:"])
    expect(filter.push("Yes.\n")).toBe("Yes.")
    expect(filter.push("\nUs")).toBe("")
    expect(filter.push("ually")).toBe("\n\nUsually")
    expect(filter.push("\n\nUser:x")).toBe("")
    expect(filter.stopped).toBe("\n\nUser:")
    expect(filter.push("more")).toBe("")
    expect(filter.finish()).toBe("")
  })

  it("gives what was held back when nothing comes after it", () => {
    expect(through(["END"], ["the EN"])).toEqual({ text: "the EN", stopped: undefined })
  })

  it("gives the same text however it is cut, without any of the stop texts in it", () => {
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 30 })
    const stop = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(letters, fc.array(stop, { maxLength: 3 }), (text, stops) => {
        const whole = through(stops, [text])
        expect(through(stops, [...text])).toEqual(whole)
        expect(text.startsWith(whole.text)).toBe(true)
        const found = stops.filter((one) => text.includes(one))
        if (found.length === 0) expect(whole).toEqual({ text, stopped: undefined })
        else expect(text.startsWith(whole.text + whole.stopped)).toBe(true)
        for (const one of stops) expect(whole.text.includes(one)).toBe(false)
      }),
    )
  })
})
