import { describe, expect, it } from "vitest"
import { needs } from "../../test/support/needs.js"
import { backward, Generator, hasKernels, linear, noGrad, randn, skinnyLinear, type Tensor } from "../torch/index.js"
import { Linear, multiply } from "./linear.js"

const generator = new Generator(4)
const make = (...shape: number[]): Tensor => randn(shape, { generator })
const difference = (a: Tensor, b: Tensor): number => a.sub(b).abs().max().item()

describe("products", () => {
  it("convert a weight that is stored in half precision, the result stays in the type of the rows", () => {
    const [x, weight, bias] = [make(2, 3, 16), make(5, 16).to("bfloat16"), make(5)]
    const product = new Linear(weight, bias).forward(x)
    expect(product.dtype).toBe("float32")
    expect(difference(product, linear(x, weight.to("float32"), bias))).toBeLessThan(1e-5)
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

  needs(hasKernels(), "the skinny kernel").it(
    "of few rows go through the skinny kernel, when nothing needs a gradient",
    () => {
      const [weight, bias] = [make(5, 16).to("bfloat16"), make(5)]
      const x = make(2, 4, 16)
      expect(difference(multiply(x, weight, bias), skinnyLinear(x, weight, bias))).toBe(0)
      expect(difference(multiply(x, weight, bias), linear(x, weight.to("float32"), bias))).toBeLessThan(1e-5)
      // The skinny kernel refuses to record: with a gradient the product must take the other way.
      const leaf = x.detach().clone().requiresGrad_()
      expect(multiply(leaf, weight, bias).requiresGrad).toBe(true)
      expect(noGrad(() => multiply(leaf, weight, bias)).requiresGrad).toBe(false)
    },
  )
})

it("computes a few rows in bfloat16 as the float32 product rounded, whichever kernel runs", () => {
  noGrad(() => {
    for (const rows of [1, 2, 5, 8, 9, 16, 61]) {
      const [x, weight] = [randn([rows, 320]).to("bfloat16"), randn([96, 320]).to("bfloat16")]
      const product = multiply(x, weight)
      expect(product.dtype).toBe("bfloat16")
      const exact = x.to("float32").matmul(weight.to("float32").transpose(0, 1))
      expect(product.to("float32").sub(exact).abs().max().item()).toBeLessThan(0.4)
    }
  })
})
