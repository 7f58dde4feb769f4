import { describe, expect, it } from "vitest"
import { noGrad, type Tensor, tensor } from "../torch/index.js"
import { brokenTensors, brokenWeights, isSoundNorm, notFiniteTensors } from "./not-finite.js"
import { trainingSchema } from "./recipe/config.js"

const named = (values: Record<string, number[]>): Map<string, Tensor> =>
  new Map(Object.entries(values).map(([name, list]) => [name, noGrad(() => tensor(list))]))

describe("numbers that are none", () => {
  it("are found by tensor", () => {
    const values = { good: [1, -2, 0], nan: [0, Number.NaN], infinite: [1, -Infinity], huge: [1e30], large: [1e12] }
    expect(brokenWeights(named(values))).toEqual(["nan", "infinite", "huge"])
    // Squares of gradients may be large.
    expect(notFiniteTensors(named(values))).toEqual(["nan", "infinite"])
  })

  it("are found in some tensor whenever the norm over all is unsound", () => {
    const each = 2 ** 63 / Math.sqrt(100)
    const many = named(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`w${i}`, [each]])))
    expect(isSoundNorm(Math.sqrt(100) * each)).toBe(false)
    expect(brokenWeights(many).length).toBeGreaterThan(0)
    expect([0, 1e18, Number.NaN, Number.POSITIVE_INFINITY].map(isSoundNorm)).toEqual([true, true, false, false])
  })
})

it.each([
  [{ betas: [0.9, 1] }, /train\.betas of \[0\.9, 1\] divide by zero/],
  [{ learning_rate: 1e-5, projector_learning_rate: 50 }, /train\.projector_learning_rate of 50 is far too large/],
  [{ learning_rate: 0.5, weight_decay: 10 }, /train\.weight_decay of 10/],
  [{ eps: 1e-40 }, /train\.eps of 1e-40/],
  [{ max_grad_norm: 0 }, /a lower train\.learning_rate \(it is 0\.00001\), train\.max_grad_norm above 0/],
])("the likely setting is named: %j", (keys, sentence) => {
  const config = trainingSchema().parse({ model: "m", output: "/out", data: { file: "d" } })
  const train = { ...config.train, ...keys } as typeof config.train
  const error = brokenTensors(["a", "b", "c"], 7, { ...config, train }, [])
  expect(error.format()).toMatch(/^\/out: after the update of step 7 there are numbers .*: a and 2 more\n/)
  expect(error.fix).toMatch(sentence)
})
