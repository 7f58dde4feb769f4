import fc from "fast-check"
import { snappyCompress } from "hyparquet-writer/src/snappy.js"
import { expect, it } from "vitest"
import { Unreadable } from "../unreadable.js"
import { unpackSnappy } from "./snappy.js"

const bytes = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 300 })), {
    minLength: 1,
    maxLength: 12,
  })
  .map((parts) =>
    Uint8Array.from(parts.flatMap(([part, times]) => Array.from({ length: times }, () => [...part]).flat())),
  )

it("unpacks what was packed", () => {
  fc.assert(
    fc.property(bytes, (input) => {
      expect(unpackSnappy(snappyCompress(input), input.length)).toEqual(input)
    }),
  )
})

it("refuses everything else, and never writes or waits for more than there is", () => {
  fc.assert(
    fc.property(bytes, fc.nat(), fc.nat({ max: 255 }), fc.integer({ min: -3, max: 3 }), (input, at, byte, more) => {
      const broken = snappyCompress(input).slice()
      if (broken.length > 0) broken[at % broken.length] = byte
      const size = Math.max(0, input.length + more)
      try {
        expect(unpackSnappy(broken, size).length).toBe(size)
      } catch (error) {
        expect(error).toBeInstanceOf(Unreadable)
      }
    }),
  )
})
