import { expect, test } from "vitest"
import { TimeLeft } from "./time-left.js"

const parts = [
  { name: "translation", units: 100, secondsPerUnit: 2 },
  { name: "control", units: 100, secondsPerUnit: 1 },
  { name: "evaluation", units: 50, secondsPerUnit: 0.1 },
]

test("before anything began it is what was measured", () => {
  const left = new TimeLeft(parts, () => 0)
  expect(left.total).toBe(305)
  expect(left.seconds).toBe(305)
})

test("follows a machine that turns out twice as slow, for the parts to come as well", () => {
  let time = 0
  const left = new TimeLeft(parts, () => time)
  for (let done = 0; done <= 50; done++) {
    left.update("translation", done)
    time += 4
  }
  expect(left.seconds).toBeCloseTo(2 * (305 - 100), 6)
})

test("forgets how slow it was when the machine is idle again", () => {
  let time = 0
  const left = new TimeLeft(parts, () => time)
  for (let done = 0; done <= 100; done++) {
    left.update("translation", done)
    time += 20
  }
  for (let done = 1; done <= 60; done++) {
    left.update("control", done)
    time += 1
  }
  expect(left.seconds).toBeCloseTo(40 + 5, 0)
})

test("ends at nothing, and parts it does not know change nothing", () => {
  let time = 0
  const left = new TimeLeft(parts, () => time)
  for (const { name, units, secondsPerUnit } of parts) {
    left.update(name, units)
    time += units * secondsPerUnit
  }
  left.update("no such part", 7)
  expect(left.seconds).toBeCloseTo(0, 9)
})
