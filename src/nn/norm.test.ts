import { expect, it } from "vitest"
import { backward, Generator, noGrad, randn, type Tensor } from "../torch/index.js"
import { RmsNorm } from "./norm.js"

it("equals its definition, with its gradients", () => {
  const generator = new Generator(3)
  const eps = 1e-3
  for (const shape of [
    [5, 12],
    [2, 3, 12],
  ]) {
    const make = (size: number[]): Tensor => randn(size, { dtype: "float64", generator })
    const [values, scale, weights] = [make(shape), make([12]), make(shape)]
    const run = (forward: (x: Tensor, weight: Tensor) => Tensor): Tensor[] => {
      const [x, weight] = [values, scale].map((leaf) => leaf.detach().clone().requiresGrad_())
      const out = forward(x, weight)
      backward(out.mul(weights).sum())
      return [out, x.grad!, weight.grad!]
    }
    const ours = run((x, weight) => new RmsNorm(weight, eps).forward(x))
    const expected = run((x, weight) => x.mul(x.mul(x).mean([-1], true).add(eps).rsqrt()).mul(weight))
    for (const [i, value] of ours.entries()) {
      expect(value.sub(expected[i]).abs().max().item()).toBeLessThan(1e-12)
    }
  }
})

it("records nothing inside noGrad", () => {
  const norm = new RmsNorm(randn([4]).requiresGrad_(), 1e-6)
  expect(noGrad(() => norm.forward(randn([2, 4]))).requiresGrad).toBe(false)
})
