import { expect, it } from "vitest"
import { TimeLeft } from "./time-left.js"

it("goes by the pace of each kind of work in this session, and knows nothing before", () => {
  const left = new TimeLeft({ training: 2, answers: 100 })
  expect(left.seconds).toBeUndefined()
  left.skip("training", 0.5)
  left.add("training", 0.25, 10)
  expect(left.seconds).toBeUndefined()
  left.add("answers", 10, 5)
  expect(left.seconds).toBe(1.25 * 40 + 90 * 0.5)
  left.skip("answers", 80)
  left.add("training", 1.25, 50)
  expect(left.seconds).toBe(10 * 0.5)
  left.add("answers", 10, 5)
  expect(left.seconds).toBe(0)
  expect(() => left.add("other", 1, 1)).toThrow(RangeError)
})
