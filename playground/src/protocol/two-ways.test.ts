import { expect, test } from "vitest"
import type { ServedModel } from "./contract.js"
import { twoWays } from "./two-ways.js"

const served = (id: string, modes: string[]): ServedModel => ({
  id,
  diffusion: { paradigm: modes[0], images: true, default: {}, modes, ready: true },
})

test("two models, else two modes of one, else two thresholds", () => {
  const one = served("one", ["block-diffusion"])
  const both = served("both", ["block-diffusion", "autoregressive"])
  expect(twoWays([both, one]).map(({ model }) => model)).toEqual(["both", "one"])
  expect(twoWays([both]).map(({ model, mode }) => `${model} ${mode}`)).toEqual([
    "both block-diffusion",
    "both autoregressive",
  ])
  expect(twoWays([one]).map(({ model, threshold }) => `${model} ${threshold}`)).toEqual(["one 0.95", "one 0.6"])
})
