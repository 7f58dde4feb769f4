import fc from "fast-check"
import { expect, test } from "vitest"
import { MetricsLog, MOST_ENTRIES } from "./metrics-log.js"

const lines = (count: number, from = 0): string =>
  Array.from({ length: count }, (_, i) => `${JSON.stringify({ step: from + i, loss: from + i, é: 1 })}\n`).join("")

test("read in any pieces, each from the byte that was asked for, it is the whole log", () => {
  const bytes = new TextEncoder().encode(lines(20))
  fc.assert(
    fc.property(fc.array(fc.nat({ max: bytes.length })), (ends) => {
      const log = new MetricsLog()
      // The file had grown so far when it was read; a character may be cut in two.
      for (const end of [...ends.sort((a, b) => a - b), bytes.length]) {
        expect(log.push(new TextDecoder().decode(bytes.subarray(log.from, Math.max(log.from + 1, end))))).toBe(true)
      }
      expect(log.from).toBe(bytes.length - 1)
      expect(log.steps).toEqual(Array.from({ length: 20 }, (_, i) => i))
      expect(log.values.get("loss")).toEqual(log.steps)
    }),
  )
})

test("a log whose steps go back, that became shorter or was written anew, is another one", () => {
  const pushed = (text: string) => {
    const log = new MetricsLog()
    expect(log.push(lines(10))).toBe(true)
    return log.push(text)
  }
  expect(pushed("\n")).toBe(true)
  expect(pushed(`\n${lines(2, 10)}`)).toBe(true)
  expect(pushed(`\n${lines(2, 5)}`)).toBe(false)
  expect(pushed("")).toBe(false)
  expect(pushed(`:5}\n${lines(2, 10)}`)).toBe(false)
})

test("metrics that come later, are null, or stand in a damaged line", () => {
  const log = new MetricsLog()
  log.push('{"step":1,"loss":2}\n{"step":2,"los\n{"step":3,"loss":null,"masked":0.5}\n')
  expect(log.steps).toEqual([1, 3])
  expect(log.values.get("loss")).toEqual([2, Number.NaN])
  expect(log.values.get("masked")).toEqual([Number.NaN, 0.5])
  expect(log.last).toMatchObject({ step: 3 })
})

test("a long log is averaged, and its mean stays", () => {
  const log = new MetricsLog()
  const count = MOST_ENTRIES * 3 + 1
  log.push(lines(count))
  expect(log.steps.length).toBeLessThanOrEqual(MOST_ENTRIES)
  expect(log.steps.length).toBeGreaterThan(MOST_ENTRIES / 2)
  const loss = log.values.get("loss") as number[]
  expect(loss).toHaveLength(log.steps.length)
  // Each entry is the mean of the steps up to its own.
  expect(Math.abs(loss[1000] - log.steps[1000])).toBeLessThan(8)
  expect(log.last?.step).toBe(count - 1)
  expect([...log.steps].sort((a, b) => a - b)).toEqual(log.steps)
})
