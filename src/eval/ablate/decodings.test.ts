/** What is planned for models of each kind. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { writeLettersModel } from "../../../test/support/letters-model.js"
import { loadSession } from "../../generate/session.js"
import { convert } from "../../paradigms/convert.js"
import { planSteps, planThresholds, type Subject, titlesOf } from "./decodings.js"

const root = mkdtempSync(join(tmpdir(), "decodings-"))
const subject = (title: string): Subject => {
  const model = join(root, title)
  return { session: loadSession(model, { device: "cpu" }), model, title }
}
let [autoregressive, blocks, full]: Subject[] = []
beforeAll(async () => {
  await writeLettersModel(join(root, "ar"))
  await convert(join(root, "ar"), join(root, "blocks"), { record: { block_size: 8 } })
  await convert(join(root, "ar"), join(root, "full"), { paradigm: "full-diffusion" })
  ;[autoregressive, blocks, full] = ["ar", "blocks", "full"].map(subject)
})
afterAll(() => rmSync(root, { recursive: true }))

describe("steps", () => {
  const decoding = { maxTokens: 32 }
  it("are the same parallelism for others that have steps, and one point for those that have none", () => {
    const { columns, variants } = planSteps(blocks, [autoregressive, full], { steps: [8, 6, 4], decoding })
    expect(columns).toEqual(["model", "steps", "parallelism"])
    expect(variants.map(({ cells }) => cells)).toEqual([
      ["blocks", "8", "1.0×"],
      ["blocks", "6", "1.3×"],
      ["blocks", "4", "2.0×"],
      ["ar", "–", "1.0×"],
      ["full", "32", "1.0×"],
      ["full", "24", "1.3×"],
      ["full", "16", "2.0×"],
    ])
    expect(variants.map(({ decoding }) => decoding.steps)).toEqual([8, 6, 4, undefined, 32, 24, 16])
    expect(new Set(variants.map(({ key }) => key)).size).toBe(variants.length)
    expect(variants.every(({ decoding }) => decoding.maxTokens === 32)).toBe(true)
  })

  it("are those of the block size that is asked for, at most as many as it has tokens", () => {
    const sized = { ...decoding, blockSize: 4 }
    const { variants } = planSteps(blocks, [], { steps: [4, 1], decoding: sized })
    expect(variants.map(({ label }) => label)).toEqual(["1.0×", "4.0×"])
    const stepsOf = (size: number): (number | undefined)[] =>
      planSteps(blocks, [], { decoding: { ...decoding, blockSize: size } }).variants.map(
        ({ decoding }) => decoding.steps,
      )
    expect([1, 2, 4, 8].map(stepsOf)).toEqual([[1], [2, 1], [4, 3, 2, 1], [8, 6, 4, 2]])
    expect(() => planSteps(blocks, [], { steps: [5], decoding: sized })).toThrow(/5 steps are more than a block of 4/)
    expect(() => planSteps(autoregressive, [], { steps: [1], decoding })).toThrow(
      /autoregressive model: it has no steps/,
    )
  })
})

describe("thresholds", () => {
  it("are a point each, beside others as they are", () => {
    const { variants } = planThresholds(blocks, [autoregressive], { thresholds: [1, 0.4], decoding: { maxTokens: 9 } })
    expect(variants.map(({ cells, decoding }) => [cells, decoding.threshold])).toEqual([
      [["blocks", "1"], 1],
      [["blocks", "0.4"], 0.4],
      [["ar", "–"], undefined],
    ])
  })

  it.each([
    [[1.5], {}, /threshold must be between 0 and 1/],
    [[0.5], { strategy: "low_confidence_static" as const }, /static strategy has no threshold/],
    [[0.5], { strategy: "some" as "random" }, /no remasking strategy "some"/],
    [[0.5], { blockSize: 5000 }, /block-size of 5000 would exceed/],
  ])("%j with %j cannot be", (thresholds, decoding, message) => {
    expect(() => planThresholds(blocks, [], { thresholds, decoding })).toThrow(message)
  })

  it("are none of an autoregressive model", () => {
    expect(() => planThresholds(autoregressive, [], { thresholds: [1], decoding: {} })).toThrow(/it has no threshold/)
  })
})

it("models are called by what tells them apart", () => {
  expect(titlesOf(["runs/a/model", "org/b", "c/"])).toEqual(["a", "b", "c"])
  expect(titlesOf(["runs/a/model", "other/a"])).toEqual(["runs/a/model", "other/a"])
  expect(titlesOf(["model"])).toEqual(["model"])
})
