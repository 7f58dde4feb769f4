/** Block sizes that grow during a training, and what config.json records of them. */

import { describe, expect, it } from "vitest"
import { MASK, tinyModel } from "../../../test/support/tiny-model.js"
import { randomFrom } from "../../data/prng.js"
import { blockDiffusion } from "./paradigm.js"
import { type BlockDiffusionRecipe, blockDiffusionRecipe, blockSizeAt, trainedBlocks } from "./recipe.js"

const phase = (until: number, block_size: number) => ({ until, block_size })
const recipe = (keys: object): BlockDiffusionRecipe => blockDiffusionRecipe.parse(keys)

describe("a block size that grows", () => {
  const annealed = recipe({ block_size: 8, anneal: [phase(0.25, 1), phase(0.5, 4)] })

  it("is a function of the progress alone, and at the end the one that is recorded", () => {
    const sizes = [0, 0.2, 0.25, 0.4, 0.5, 0.9, 1].map((progress) => blockSizeAt(annealed, progress))
    expect(sizes).toEqual([1, 1, 4, 4, 8, 8, 8])
    expect(blockSizeAt(recipe({}), 0)).toBe(8)
    const record = blockDiffusion.record(annealed)
    expect(record).toMatchObject({ block_size: 8, anneal: [phase(0.25, 1), phase(0.5, 4)] })
    expect(blockDiffusion.record(recipe({}))).not.toHaveProperty("anneal")
    expect(trainedBlocks({ paradigm: { name: "block-diffusion", options: record } }).blockSize).toBe(8)
  })

  it("is what the objective of the moment is computed with", () => {
    const model = tinyModel(3)
    const ids = Int32Array.from({ length: 32 }, (_, i) => 7 + (i % 20))
    const batch = { samples: [{ ids, labels: ids, images: [], where: "test" }], images: [] }
    const loss = (recipe: BlockDiffusionRecipe, progress?: number): number =>
      blockDiffusion
        .objective(model, batch, { recipe, per: "samples", maskToken: MASK, uniform: randomFrom(1), progress })
        .sum.item()
    for (const [progress, block_size] of [
      [0.1, 1],
      [0.3, 4],
      [0.7, 8],
    ])
      expect(loss(annealed, progress)).toBe(loss(recipe({ block_size }), progress))
    expect(loss(annealed)).toBe(loss(recipe({ block_size: 8 })))
    expect(new Set([0.1, 0.3, 0.7].map((progress) => loss(annealed, progress))).size).toBe(3)
  })

  it.each([
    [[phase(0.5, 8)], /8 is not smaller than block_size, 8/],
    [[phase(0.5, 3)], /3 does not divide block_size, 8/],
    [[phase(0.2, 4), phase(0.5, 2)], /4 is not smaller than the next size, 2/],
  ])("%j is refused", (anneal, message) => {
    const [[path, sentence]] = blockDiffusion.problems!(recipe({ anneal }), { maxLength: 100 })
    expect(path).toEqual(["anneal"])
    expect(sentence).toMatch(message)
  })

  it("has phases in order, and none that lasts to the end", () => {
    for (const anneal of [[phase(1, 4)], [phase(0, 4)], [phase(0.5, 2), phase(0.5, 4)], [phase(0.5, 0)]])
      expect(blockDiffusionRecipe.safeParse({ anneal }).success).toBe(false)
  })
})

it("what clean tokens see is recorded where it is not as the authors have it, and decoding goes by it", () => {
  expect(blockDiffusion.record(recipe({ context: "causal" }))).toMatchObject({ context: "causal" })
  expect(blockDiffusion.record(recipe({ context: "block" }))).not.toHaveProperty("context")
  const trained = (options: object) => trainedBlocks({ paradigm: { name: "block-diffusion", options: { ...options } } })
  expect([trained({}).context, trained({ context: "causal" }).context]).toEqual(["block", "causal"])
})
