/** The log of a training: what a killed run leaves is mended, what nobody can have left is named. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { UserError } from "../errors.js"
import { MetricsLog, readMetrics } from "./metrics.js"

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dvl-metrics-"))
  path = join(folder, "metrics.jsonl")
})
afterEach(() => rmSync(folder, { recursive: true }))

const entry = (step: number): object => ({
  step,
  progress: 0.1 * step,
  loss: 2,
  gradNorm: 1,
  learningRate: 0.1,
  tokensPerSecond: 9,
  memoryBytes: 1e6,
  seconds: step,
  maskedShare: 0.5,
})
const lines = (...steps: number[]): string => steps.map((step) => `${JSON.stringify(entry(step))}\n`).join("")
const stepsOf = (): number[] => readMetrics(path).map(({ step }) => step)

describe("metrics.jsonl", () => {
  it("is gone on with from a step", () => {
    writeFileSync(path, lines(0, 1, 2, 3))
    const log = new MetricsLog(folder, 2)
    log.write({ ...readMetrics(path)[0], step: 2 })
    expect(stepsOf()).toEqual([0, 1, 2])
    new MetricsLog(folder, 0)
    expect(stepsOf()).toEqual([])
  })

  it.each(['{"step":2,"lo', '{"step":2', "\u0000\u0000\u0000", JSON.stringify(entry(2)).slice(0, -1)])(
    "may end with half a line, as a killed run leaves it: %j",
    (half) => {
      writeFileSync(path, lines(0, 1) + half)
      expect(stepsOf()).toEqual([0, 1])
      new MetricsLog(folder, 2)
      expect(readFileSync(path, "utf8")).toBe(lines(0, 1))
    },
  )

  it.each([
    ["no JSON", Buffer.from("what?\n"), /no entry/],
    ["half a line", Buffer.from('{"step":1,"lo\n'), /no entry/],
    ["an empty line", Buffer.from("\n"), /no entry/],
    ["another kind of value", Buffer.from("[1]\n"), /no entry/],
    ["a number that is a text", Buffer.from(lines(1).replace('"loss":2', '"loss":"2"')), /no entry/],
    ["a missing number", Buffer.from(lines(1).replace('"loss":2,', "")), /no entry/],
    ["other text than UTF-8", Buffer.from(lines(1).replace("maskedShare", "\xe9"), "latin1"), /no entry/],
    ["a step twice", Buffer.from(lines(0)), /step 0 comes after step 0/],
  ])("is refused with %s: the line is named", (_, line, sentence) => {
    writeFileSync(path, Buffer.concat([Buffer.from(lines(0)), line, Buffer.from(lines(2, 3))]))
    for (const read of [() => readMetrics(path), () => new MetricsLog(folder, 3)]) {
      expect(read).toThrow(UserError)
      expect(read).toThrow(/^line 2 is damaged/)
      expect(read).toThrow(sentence)
    }
  })

  it("is refused with steps out of order", () => {
    writeFileSync(path, lines(0, 2, 1, 3))
    expect(stepsOf).toThrow(/line 3 is damaged: step 1 comes after step 2/)
  })

  it("that cannot be written is a sentence", () => {
    mkdirSync(path)
    expect(() => new MetricsLog(folder, 0)).toThrow(/there is a folder where a file should be/)
    rmSync(path, { recursive: true })
    writeFileSync(join(folder, "tensorboard"), "")
    expect(() => new MetricsLog(folder, 0)).toThrow(/there is a file where a folder should be/)
  })
})
