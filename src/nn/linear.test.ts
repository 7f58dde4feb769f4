import { afterEach, describe, expect, it } from "vitest"
import { backward, Generator, linear, noGrad, randn, type Tensor } from "../torch/index.js"
import { Linear, multiply, useThinKernel } from "./linear.js"

const generator = new Generator(4)
const make = (...shape: number[]): Tensor => randn(shape, { generator })
const difference = (a: Tensor, b: Tensor): number => a.sub(b).abs().max().item()

describe("products", () => {
  afterEach(() => useThinKernel(undefined))

  it("convert a weight that is stored in half precision, the result stays in the type of the rows", () => {
    const [x, weight, bias] = [make(2, 3, 16), make(5, 16).to("bfloat16"), make(5)]
    const product = new Linear(weight, bias).forward(x)
    expect(product.dtype).toBe("float32")
    expect(difference(product, linear(x, weight.to("float32"), bias))).toBe(0)
  })

  it("convert a large weight piece by piece", () =>
    noGrad(() => {
      const [x, weight, bias] = [make(1, 2, 4096), make(4500, 4096).to("bfloat16"), make(4500)]
      const whole = linear(x, weight.to("float32"), bias)
      expect(difference(multiply(x, weight, bias), whole)).toBeLessThan(1e-3)
      expect(multiply(x, weight, bias).shape).toEqual([1, 2, 4500])
    }))

  it("give gradients through a converted weight", () => {
    const [x, weight] = [make(3, 16).requiresGrad_(), make(5, 16).to("bfloat16")]
    backward(multiply(x, weight).sum())
    expect(difference(x.grad!, weight.to("float32").sum([0], true).expand(3, 16))).toBeLessThan(1e-5)
  })

  it("of few rows go through the thin kernel, when nothing needs a gradient", () => {
    const calls: number[][] = []
    useThinKernel((x, weight, bias) => {
      calls.push([...x.shape])
      return linear(x, weight.to("float32"), bias)
    })
    const weight = make(5, 16).to("bfloat16")
    expect(multiply(make(2, 4, 16), weight, make(5)).shape).toEqual([2, 4, 5])
    expect(multiply(make(64, 16), weight.to("float32")).shape).toEqual([64, 5])
    expect(calls).toEqual([
      [8, 16],
      [64, 16],
    ])
    multiply(make(65, 16), weight)
    multiply(make(8, 16).to("bfloat16"), weight)
    multiply(make(8, 16), weight.to("float16"))
    multiply(make(8, 16).requiresGrad_(), weight)
    expect(calls.length).toBe(2)
    noGrad(() => multiply(make(8, 16).requiresGrad_(), weight))
    expect(calls.length).toBe(3)
  })
})
