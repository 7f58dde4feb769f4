import { describe, expect, it } from "vitest"
import {
  backward,
  callOperator,
  checkpoint,
  collect,
  crossEntropy,
  customFunction,
  Generator,
  gradients,
  linear,
  memory,
  noGrad,
  ones,
  operator,
  randn,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from "./index.js"

describe("Tensor", () => {
  it("computes", () => {
    const a = tensor([1, 2, 3, 4], [2, 2])
    const b = a.matmul(a).add(1)
    expect(b.toNumbers()).toEqual([8, 11, 16, 23])
    expect(b.shape).toEqual([2, 2])
  })
  it("returns the same object from in-place operators", () => {
    const a = ones([3])
    expect(a.add_(1)).toBe(a)
    expect(a.toNumbers()).toEqual([2, 2, 2])
  })
  it("names the operator and the shapes in errors", () => {
    expect(() => ones([2, 3]).matmul(ones([2, 3]))).toThrow(/matmul\(float32\[2, 3\], float32\[2, 3\]\)/)
    expect(() => operator("aten::nope").call()).toThrow(/no operator aten::nope/)
    const gone = ones([1])
    gone.dispose()
    expect(() => gone.add(1)).toThrow(/disposed/)
  })
})

describe("autograd", () => {
  it("differentiates", () => {
    const x = tensor([1, 2, 3]).requiresGrad_()
    backward(x.mul(x).sum())
    expect(x.grad?.toNumbers()).toEqual([2, 4, 6])
    const [g] = gradients([x.pow(3).sum()], [x])
    expect(g?.toNumbers()).toEqual([3, 12, 27])
  })
  it("runs backward functions written in TypeScript, and their errors arrive", () => {
    const x = tensor([1, 2]).requiresGrad_()
    const [y] = customFunction([x], { forward: () => [x.mul(5)], backward: ([g]) => [g!.mul(7)] })
    backward(y.sum())
    expect(x.grad?.toNumbers()).toEqual([7, 7])
    const [z] = customFunction([x], {
      forward: () => [x.mul(5)],
      backward: () => {
        throw new RangeError("mine")
      },
    })
    expect(() => backward(z.sum())).toThrow("mine")
  })
  it("checkpoints: same gradients", () => {
    const w = randn([4, 4]).requiresGrad_()
    const x = randn([2, 4])
    const body = (h: ReturnType<typeof randn>) => linear(linear(h, w).silu(), w)
    backward(body(x).sum())
    const expected = w.grad!.toNumbers()
    w.grad = null
    backward(checkpoint([x], body).sum())
    for (const [i, value] of w.grad!.toNumbers().entries()) expect(value).toBeCloseTo(expected[i], 5)
  })
})

describe("memory", () => {
  it("tidy frees everything but the result", () => {
    collect()
    const before = memory().tensors
    const kept = tidy(() => ones([2]).add(1).mul(3))
    expect(memory().tensors).toBe(before + 1)
    expect(kept.toNumbers()).toEqual([6, 6])
  })
  it("stays bounded over 10^6 small operators and 10^4 operators of 8 MB in one synchronous loop", () => {
    const small = ones([4])
    const start = memory().bytes
    for (let i = 0; i < 1_000_000; i++) small.add(1)
    const large = zeros([2 * 2 ** 20])
    let peak = 0
    for (let i = 0; i < 10_000; i++) {
      large.add(1)
      peak = Math.max(peak, memory().bytes)
    }
    expect(peak - start).toBeLessThan(600 * 2 ** 20)
  })
})

it("cross entropy", () => {
  noGrad(() =>
    expect(crossEntropy(zeros([2, 4]), tensor([0, 1], [2], { dtype: "int64" })).item()).toBeCloseTo(Math.log(4)),
  )
})

describe("gradient checkpointing", () => {
  /** Bytes alive between the passes of a chain of layers, in a scope as training has it. */
  function bytesHeld(wrap: (x: Tensor, body: (x: Tensor) => Tensor) => Tensor): number {
    return tidy(() => {
      const weights = Array.from({ length: 8 }, () => randn([64, 64]).mul(0.1).requiresGrad_())
      let x = randn([4096, 64])
      const before = memory().bytes
      for (const weight of weights) x = wrap(x, (input) => input.matmul(weight).silu().mul(2).add(1).silu())
      const held = memory().bytes - before
      backward(x.sum())
      expect(weights.every((weight) => weight.grad !== null)).toBe(true)
      return held
    })
  }

  it("keeps the inputs of the layers only, also inside a scope", () => {
    const plain = bytesHeld((x, body) => body(x))
    const checkpointed = bytesHeld((x, body) => checkpoint([x], body))
    expect(checkpointed).toBeLessThan(0.3 * plain)
  })

  it("leaves a body without anything to train alone", () => {
    const x = ones([2]).requiresGrad_()
    const frozen = checkpoint([ones([2])], (input) => input.mul(3))
    backward(frozen.add(x).sum())
    expect(x.grad!.toNumbers()).toEqual([1, 1])
  })
})

describe("the engine's edges", () => {
  it("reports a tensor that was disposed in a backward function, and goes on", () => {
    const x = ones([2]).requiresGrad_()
    const [y] = customFunction([x], {
      forward: () => [x.mul(5)],
      backward: ([grad]) => {
        const result = grad!.mul(7)
        result.dispose()
        return [result]
      },
    })
    expect(() => backward(y.sum())).toThrow(/disposed/)
    expect(ones([2]).sum().item()).toBe(2)
  })

  it("refuses a second derivative through a function that has none", () => {
    const x = ones([2]).requiresGrad_()
    const [y] = customFunction([x], { forward: () => [x.mul(x)], backward: ([grad]) => [grad!.mul(x).mul(2)] })
    expect(() => gradients([y.sum()], [x], { createGraph: true })).toThrow(/no second derivative/)
  })

  it("refuses what would leave an object with a wrong shape or gradient", () => {
    const x = ones([2, 3])
    expect(() => callOperator("aten::t_", x)).toThrow(/without the underscore/)
    expect(() => {
      x.grad = ones([2])
    }).toThrow(/shape, type and device/)
    expect(() => new Generator(-1)).toThrow(RangeError)
  })

  it("counts the bytes of a gradient once", () => {
    const x = ones([1000]).requiresGrad_()
    backward(x.sum())
    const { bytes } = memory()
    for (let i = 0; i < 10; i++) expect(x.grad!.size).toBe(1000)
    expect(memory().bytes).toBeLessThanOrEqual(bytes)
  })
})
