import { describe, expect, it } from "vitest"
import { backward, Generator, noGrad, randn, type Tensor, tensor } from "../torch/index.js"
import { AdamW } from "./optimizer.js"
import { learningRateFactor } from "./schedule.js"

/** AdamW of Loshchilov & Hutter (algorithm 2), written out in plain numbers. */
function reference(
  w: number[],
  grads: number[][],
  lr: number,
  wd: number,
  [b1, b2]: readonly [number, number],
  eps: number,
  clip: number,
): number[] {
  const x = [...w]
  const m = w.map(() => 0)
  const v = w.map(() => 0)
  grads.forEach((g0, k) => {
    const norm = Math.hypot(...g0)
    const scale = norm > clip ? clip / (norm + 1e-6) : 1
    for (let i = 0; i < x.length; i++) {
      const g = g0[i] * scale
      m[i] = b1 * m[i] + (1 - b1) * g
      v[i] = b2 * v[i] + (1 - b2) * g * g
      x[i] -= lr * wd * x[i]
      x[i] -= (lr * (m[i] / (1 - b1 ** (k + 1)))) / (Math.sqrt(v[i] / (1 - b2 ** (k + 1))) + eps)
    }
  })
  return x
}

function setGrad(weight: Tensor, grad: number[]): void {
  weight.grad = tensor(grad, weight.shape, { dtype: weight.dtype })
}

describe("AdamW", () => {
  const start = [0.5, -1, 2]
  const grads = [
    [0.1, -0.2, 0.3],
    [3, 1, -2],
    [0.01, 0.02, 0],
  ]
  it("follows the algorithm, clipping included", () => {
    const weight = tensor(start).requiresGrad_()
    const optimizer = new AdamW([{ name: "w", tensor: weight, learningRate: 0.1, weightDecay: 0.05 }], {
      betas: [0.9, 0.98],
      eps: 1e-8,
      maxGradNorm: 1,
    })
    for (const grad of grads) {
      setGrad(weight, grad)
      optimizer.step(1)
    }
    const expected = reference(start, grads, 0.1, 0.05, [0.9, 0.98], 1e-8, 1)
    for (const [i, value] of weight.toNumbers().entries()) expect(value).toBeCloseTo(expected[i], 5)
    expect(weight.grad).toBeNull()
  })
  it("keeps fp32 masters for bf16 weights: steps far below bf16 precision add up", () => {
    const weight = noGrad(() => tensor([1]).to("bfloat16")).requiresGrad_()
    const optimizer = new AdamW([{ name: "w", tensor: weight, learningRate: 1e-4, weightDecay: 0 }], {
      betas: [0.9, 0.999],
      eps: 1e-8,
      maxGradNorm: 0,
    })
    for (let i = 0; i < 100; i++) {
      setGrad(weight, [1])
      optimizer.step(1)
    }
    expect(weight.toNumbers()[0]).toBeCloseTo(0.99, 2)
    expect(optimizer.state().get("master.w")!.item()).toBeCloseTo(0.99, 4)
  })
  it("resumes bit-exactly, and leaves the weights alone when a gradient is not finite", () => {
    const make = (): { weight: Tensor; optimizer: AdamW } => {
      const weight = randn([8], { generator: new Generator(1) }).requiresGrad_()
      return {
        weight,
        optimizer: new AdamW([{ name: "w", tensor: weight, learningRate: 0.01, weightDecay: 0.1 }], {
          betas: [0.9, 0.999],
          eps: 1e-8,
          maxGradNorm: 1,
        }),
      }
    }
    const step = ({ weight, optimizer }: ReturnType<typeof make>, k: number): void => {
      backward(
        weight
          .mul(k + 1)
          .pow(2)
          .sum(),
      )
      optimizer.step(1)
    }
    const straight = make()
    for (let k = 0; k < 6; k++) step(straight, k)
    const first = make()
    for (let k = 0; k < 3; k++) step(first, k)
    const second = make()
    noGrad(() => second.weight.copy_(first.weight))
    second.optimizer.restore(first.optimizer.state())
    for (let k = 3; k < 6; k++) step(second, k)
    expect(second.weight.toNumbers()).toEqual(straight.weight.toNumbers())
    setGrad(second.weight, Array(8).fill(Number.NaN))
    expect(second.optimizer.step(1).gradNorm).toBeNaN()
    expect(second.weight.toNumbers()).toEqual(straight.weight.toNumbers())
  })
})

it("the schedule warms up linearly and falls as a cosine", () => {
  expect(learningRateFactor("cosine", 0, 0.1)).toBe(0)
  expect(learningRateFactor("cosine", 0.05, 0.1)).toBeCloseTo(0.5)
  expect(learningRateFactor("cosine", 0.1, 0.1)).toBeCloseTo(1)
  expect(learningRateFactor("cosine", 0.55, 0.1)).toBeCloseTo(0.5)
  expect(learningRateFactor("cosine", 1, 0.1)).toBeCloseTo(0)
  expect(learningRateFactor("constant", 0.7, 0.1)).toBe(1)
})

it("adds up many gradients of half precision in float32", () => {
  const make = () => {
    const weight = tensor([1], [1], { dtype: "bfloat16" }).requiresGrad_()
    const options = { betas: [0, 0] as const, eps: 1e-8, maxGradNorm: 0 }
    return { weight, optimizer: new AdamW([{ name: "w", tensor: weight, learningRate: 1, weightDecay: 0 }], options) }
  }
  const { weight, optimizer } = make()
  for (let i = 0; i < 1000; i++) {
    backward(weight.mul(1 / 1024).sum())
    optimizer.accumulate()
    expect(weight.grad).toBeNull()
  }
  // In bfloat16 the sum would have stopped growing at a quarter of this.
  expect(optimizer.step(0).gradNorm).toBeCloseTo(1000 / 1024, 5)
  backward(weight.mul(3).sum())
  expect(optimizer.step(0).gradNorm).toBe(3)
})

it("steps every element of weights larger than a chunk, each parameter at its own rate", () => {
  const sizes = [2 ** 22 + 3, 5, 2 ** 22 - 1]
  const rates = [0.1, 0.2, 0.1]
  const weights = sizes.map((size) => noGrad(() => tensor([1]).expand(size).to("bfloat16").clone()).requiresGrad_())
  const optimizer = new AdamW(
    weights.map((weight, i) => ({ name: `w${i}`, tensor: weight, learningRate: rates[i], weightDecay: 0 })),
    { betas: [0.9, 0.999], eps: 1e-8, maxGradNorm: 1 },
  )
  for (const weight of weights) weight.grad = noGrad(() => weight.detach().mul(2))
  const { gradNorm } = optimizer.step(1)
  expect(gradNorm / (2 * Math.sqrt(sizes.reduce((a, b) => a + b)))).toBeCloseTo(1, 4)
  // The first step of Adam is the rate, whatever the gradient.
  rates.forEach((rate, i) => {
    for (const values of [optimizer.state().get(`master.w${i}`)!, weights[i].to("float32")]) {
      expect(values.min().item()).toBeCloseTo(1 - rate, 2)
      expect(values.max().item()).toBeCloseTo(1 - rate, 2)
    }
  })
})
