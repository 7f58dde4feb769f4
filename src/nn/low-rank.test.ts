import { describe, expect, it } from "vitest"
import { backward, Generator, gradients, noGrad, randn, type Tensor, tensor } from "../torch/index.js"
import { dropout, withDropout } from "./dropout.js"
import { Linear, multiply } from "./linear.js"
import { LowRank, lowRankDelta } from "./low-rank.js"
import { runLayer } from "./run-layer.js"
import { TokenRows } from "./token-rows.js"

const generator = new Generator(7)
const make = (...shape: number[]): Tensor => randn(shape, { generator, dtype: "float64" })
const difference = (a: Tensor, b: Tensor): number => a.sub(b).abs().max().item()

describe("a low-rank adapter", () => {
  it("has the gradients that its product has in the weight", () => {
    const [x, weight, bias] = [make(3, 4, 6), make(5, 6), make(5)]
    const [down, up] = [make(2, 6).requiresGrad_(), make(5, 2).requiresGrad_()]
    const scale = 1.5
    const outward = make(3, 4, 5)
    const layer = new Linear(weight, bias, [{ adapter: new LowRank(down, up, scale) }])
    const input = x.clone().requiresGrad_()
    const y = layer.forward(input)
    backward(y.mul(outward).sum())
    const whole = weight.add(up.detach().matmul(down.detach()).mul(scale)).requiresGrad_()
    const other = x.clone().requiresGrad_()
    const merged = multiply(other, whole, bias)
    expect(difference(y, merged)).toBeLessThan(1e-12)
    const [byWeight, byInput] = gradients([merged.mul(outward).sum()], [whole, other]) as Tensor[]
    // d/dA = scale · Bᵀ G, d/dB = scale · G Aᵀ, with G the gradient of the merged weight.
    expect(difference(down.grad!, up.detach().transpose(0, 1).matmul(byWeight).mul(scale))).toBeLessThan(1e-12)
    expect(difference(up.grad!, byWeight.matmul(down.detach().transpose(0, 1)).mul(scale))).toBeLessThan(1e-12)
    expect(difference(input.grad!, byInput)).toBeLessThan(1e-12)
  })

  it("may be that of several layers, or of a part of one", () => {
    const [x, down, up] = [make(2, 6), make(2, 6), make(5, 2)]
    const adapter = new LowRank(down, up, 2)
    const all = x.matmul(down.transpose(0, 1)).matmul(up.transpose(0, 1)).mul(2)
    const ofSeveral = new Linear(make(3, 6).mul(0), null, [{ adapter, rows: { start: 1, length: 3 } }])
    expect(difference(ofSeveral.forward(x), all.narrow(1, 1, 3))).toBeLessThan(1e-12)
    const parts = [{ adapter, firstOutput: 2 }]
    const ofPart = new Linear(make(8, 6).mul(0), null, parts).forward(x)
    expect(difference(ofPart.narrow(1, 2, 5), all)).toBeLessThan(1e-12)
    expect(ofPart.narrow(1, 0, 2).abs().max().item() + ofPart.narrow(1, 7, 1).abs().max().item()).toBe(0)
    expect(difference(x.matmul(lowRankDelta(parts, 8)!.transpose(0, 1)), ofPart)).toBeLessThan(1e-12)
  })

  it("gives back the type that is computed in, and is computed in its own", () => {
    const x = make(2, 6).to("bfloat16")
    const adapter = new LowRank(make(2, 6).to("float32"), make(5, 2).to("float32"), 1)
    expect(adapter.forward(x).dtype).toBe("float32")
    expect(new Linear(make(5, 6).to("bfloat16"), null, [{ adapter }]).forward(x).dtype).toBe("bfloat16")
  })
})

describe("dropout", () => {
  it("drops as many as it says, in training only, and scales the others", () => {
    const ones = make(40_000).mul(0).add(1)
    expect(dropout(ones, 0.3)).toBe(ones)
    const kept = withDropout(3, () => dropout(ones, 0.3))
    const share = kept.ne(0).to("float32").mean().item()
    expect(Math.abs(share - 0.7)).toBeLessThan(0.02)
    expect(kept.max().item()).toBeCloseTo(1 / 0.7, 12)
    const again = withDropout(3, () => [dropout(ones, 0.3), dropout(ones, 0.3)])
    expect(difference(again[0], kept)).toBe(0)
    expect(difference(again[1], kept)).toBeGreaterThan(0)
    expect(
      difference(
        withDropout(4, () => dropout(ones, 0.3)),
        kept,
      ),
    ).toBeGreaterThan(0)
  })

  it("is drawn once for all layers that an adapter is that of, whatever their order", () => {
    const adapter = new LowRank(make(2, 6), make(9, 2), 1, 0.5)
    const x = make(4, 6)
    const rows = (start: number) => ({ start, length: 3 })
    const [kept, again] = withDropout(5, () => {
      const once = [3, 6, 0].map((start) => adapter.forward(x, rows(start)))
      return [once, adapter.forward(x, rows(3))]
    }) as [Tensor[], Tensor]
    // PEFT's module: one input with its mask, and all rows of B.
    const whole = withDropout(5, () => adapter.forward(x))
    for (const [i, start] of [3, 6, 0].entries()) expect(difference(kept[i], whole.narrow(1, start, 3))).toBe(0)
    expect(difference(again, kept[0])).toBeGreaterThan(0)
  })

  it("is the same where the backward pass computes layers again", () => {
    const adapters = [0, 1, 2].map(() => new LowRank(make(2, 6).requiresGrad_(), make(6, 2).requiresGrad_(), 1, 0.5))
    // The last is that of two layers, which are one here.
    const halves = [0, 3].map((start) => ({ adapter: adapters[2], rows: { start, length: 3 }, firstOutput: start }))
    const parts = [[{ adapter: adapters[0] }], [{ adapter: adapters[1] }], halves]
    const layers = parts.map((of) => new Linear(make(6, 6), null, of))
    const x = make(4, 6)
    const run = (recompute: boolean): Tensor[] => {
      withDropout(11, () => {
        const y = layers.reduce(
          (h, layer) => runLayer(h, (input) => layer.forward(input), { recording: true, recompute }),
          x,
        )
        backward(y.mul(y).sum())
      })
      return adapters.flatMap(({ down, up }) => {
        const grads = [down.grad!, up.grad!]
        down.grad = null
        up.grad = null
        return grads
      })
    }
    const [kept, again] = [run(false), run(true)]
    for (const [i, grad] of kept.entries()) expect(difference(again[i], grad)).toBeLessThan(1e-12)
  })
})

describe("a frozen weight of another type", () => {
  it("passes gradients on, in one piece and in several", () => {
    for (const [rows, width] of [
      [5, 16],
      [4500, 4096],
    ]) {
      const weight = randn([rows, width], { generator }).to("bfloat16")
      const x = randn([3, width], { generator }).requiresGrad_()
      const outward = randn([3, rows], { generator })
      backward(multiply(x, weight).mul(outward).sum())
      const exact = outward.to("float64").matmul(weight.to("float64"))
      expect(difference(x.grad!.to("float64"), exact)).toBeLessThan(1e-3)
    }
  })
})

it("learned rows of an embedding stand in for its own, and in a tied head", () => {
  const [matrix, rows] = [make(7, 4), make(2, 4).requiresGrad_()]
  const tokens = new TokenRows([5, 2], rows, 7)
  const whole = noGrad(() => tokens.put(matrix))
  expect(difference(whole.narrow(0, 5, 1), rows.narrow(0, 0, 1))).toBe(0)
  const ids = [2, 0, 5, 2]
  const find = (from: Tensor): Tensor => from.indexSelect(0, idTensor(ids))
  const embedded = tokens.embed(find(matrix), idTensor(ids))
  expect(difference(embedded, find(whole))).toBe(0)
  backward(embedded.sum())
  expect(rows.grad!.toNumbers()).toEqual([1, 1, 1, 1, 2, 2, 2, 2])
  const hidden = make(3, 4)
  expect(difference(tokens.logits(multiply(hidden, matrix), hidden), multiply(hidden, whole))).toBeLessThan(1e-12)
})

const idTensor = (ids: number[]): Tensor => tensor(BigInt64Array.from(ids, BigInt))
