import { expect, it } from "vitest"
import { TimeLeft } from "./time-left.js"

/** In pieces, as work is done. */
function work(left: TimeLeft, name: string, amount: number, seconds: number): void {
  for (let i = 0; i < 4; i++) left.add(name, amount / 4, seconds / 4)
}

it("goes by the pace of each kind of work in this session, and knows nothing before", () => {
  const left = new TimeLeft({ training: 2, answers: 100 })
  expect(left.seconds).toBeUndefined()
  left.skip("training", 0.5)
  work(left, "training", 0.25, 10)
  expect(left.seconds).toBeUndefined()
  work(left, "answers", 12, 6)
  expect(left.seconds).toBe(1.25 * 40 + 88 * 0.5)
  left.skip("answers", 80)
  work(left, "training", 1.25, 50)
  expect(left.seconds).toBe(8 * 0.5)
  work(left, "answers", 8, 4)
  expect(left.seconds).toBe(0)
  expect(() => left.add("other", 1, 1)).toThrow(RangeError)
})

it("a pace rests on several pieces and some seconds: the first pay for what is set up", () => {
  const slow = new TimeLeft({ answers: 10 })
  for (let i = 0; i < 3; i++) slow.add("answers", 1, 30)
  expect(slow.seconds).toBeUndefined()
  slow.add("answers", 1, 30)
  expect(slow.seconds).toBe(180)
  const quick = new TimeLeft({ answers: 10_000 })
  for (let i = 0; i < 11; i++) quick.add("answers", 1, 0.25)
  expect(quick.seconds).toBeUndefined()
  quick.add("answers", 1, 0.25)
  expect(quick.seconds).toBe(9988 * 0.25)
})
