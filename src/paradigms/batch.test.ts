/** Samples that share rows of a batch: as many rows as are needed, and the loss of each alone. */

import { beforeAll, expect, it } from "vitest"
import { tinyModel, VOCABULARY } from "../../test/support/tiny-model.js"
import { randomFrom } from "../data/prng.js"
import type { ForwardInput, LanguageModel } from "../models/types.js"
import { noGrad, tidy } from "../torch/index.js"
import { autoregressiveObjective } from "./autoregressive/objective.js"
import type { TrainingSample } from "./batch.js"

let model: LanguageModel
beforeAll(() => {
  model = tinyModel(4)
})

function sampleOf(length: number): TrainingSample {
  const random = randomFrom(length)
  const ids = Int32Array.from({ length }, () => 7 + Math.floor(random() * (VOCABULARY - 7)))
  const labels = ids.map((id) => (random() < 0.4 ? id : -100))
  return { ids, labels, images: [], where: "test" }
}

it.each([
  ["short ones share rows where they fit", [60, 20, 30], [2, 60]],
  ["long ones do where much would be padding", [300, 40, 120, 100, 20], [2, 300]],
  ["else each has its own", [300, 290, 280], [3, 300]],
])("%s", (_, lengths, shape) => {
  const shapes: number[][] = []
  const seen: LanguageModel = Object.create(model, {
    forward: {
      value: (input: ForwardInput) => {
        shapes.push(input.embeddings.shape.slice(0, 2))
        return model.forward(input)
      },
    },
  })
  const samples = lengths.map(sampleOf)
  const sumOf = (list: TrainingSample[], of = model): number =>
    noGrad(() => tidy(() => autoregressiveObjective(of, { samples: list, images: [] }).sum.item()))
  const alone = samples.reduce((sum, sample) => sum + sumOf([sample]), 0)
  const together = sumOf(samples, seen)
  expect(Math.abs(together - alone)).toBeLessThan(1e-9 * alone)
  expect(shapes).toHaveLength(1)
  expect(shapes[0][0]).toBe(shape[0])
  // Behind the last label nothing is computed.
  expect(shape[1] - shapes[0][1]).toBeLessThan(10)
  expect(shapes[0][1]).toBeLessThan(shape[1])
})
