import { describe, expect, it } from "vitest"
import {
  chooseTokens,
  type DType,
  fastRmsNorm,
  Generator,
  hasKernels,
  noGrad,
  ones,
  randn,
  skinnyLinear,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from "./index.js"

const SETS = (["portable", "avx2", "avx512"] as const).filter((instructionSet) => {
  try {
    noGrad(() => skinnyLinear(ones([1, 1]), ones([1, 1]), null, { instructionSet }))
    return true
  } catch {
    return false
  }
})
type InstructionSet = (typeof SETS)[number]

/** The largest error against the same product in float64, in units of what rounding float32 sums may leave. */
function error(x: Tensor, weight: Tensor, bias: Tensor | null, instructionSet?: InstructionSet): number {
  return noGrad(() =>
    tidy(() => {
      const [a, w] = [x.to("float64"), weight.to("float64").transpose(0, 1)]
      const exact = bias ? a.matmul(w).add(bias.to("float64")) : a.matmul(w)
      const scale = a.abs().matmul(w.abs()).add(1e-30)
      return (
        skinnyLinear(x, weight, bias, { instructionSet }).to("float64").sub(exact).abs().div(scale).max().item() /
        2 ** -24
      )
    }),
  )
}

/** A float32 sum of K products in any order stays within this many roundings, with room for bad luck. */
const ROUNDINGS = 24

describe("skinnyLinear", () => {
  it("is built in, and the portable loops run everywhere", () => {
    expect(hasKernels()).toBe(true)
    expect(SETS).toContain("portable")
  })

  for (const instructionSet of SETS) {
    for (const dtype of ["bfloat16", "float16", "float32"] satisfies DType[]) {
      it(`equals the float64 product with every height of tile, ${dtype} weights, ${instructionSet}`, () => {
        for (let rows = 1; rows <= 70; rows += 1) {
          const [outputs, inputs] = [1 + ((rows * 7) % 61), 1 + ((rows * 37) % 211)]
          const weight = randn([outputs, inputs]).to(dtype)
          const bias = rows % 2 ? randn([outputs]) : null
          expect(error(randn([rows, inputs]), weight, bias, instructionSet)).toBeLessThan(ROUNDINGS)
        }
      })
      it(`equals it over several panels, blocks and threads, ${dtype} weights, ${instructionSet}`, () => {
        for (const [rows, outputs, inputs] of [
          [1, 301, 8200],
          [5, 1000, 2051],
          [23, 129, 4609],
          [64, 577, 1537],
          [260, 131, 1030],
        ]) {
          const weight = randn([outputs, inputs]).to(dtype)
          expect(error(randn([rows, inputs]), weight, randn([outputs]), instructionSet)).toBeLessThan(ROUNDINGS)
        }
      })
    }

    it(`multiplies int8 weights by their scales, ${instructionSet}`, () => {
      for (const [rows, outputs, inputs] of [
        [1, 12, 64],
        [8, 100, 333],
        [33, 50, 4500],
      ]) {
        noGrad(() => {
          const weight = randn([outputs, inputs]).mul(40).clamp(-127, 127).to("int8")
          const [x, scales, bias] = [randn([rows, inputs]), randn([outputs]), randn([outputs])]
          const wide = weight.to("float64").mul(scales.to("float64").unsqueeze(1))
          const exact = x.to("float64").matmul(wide.transpose(0, 1)).add(bias.to("float64"))
          const scale = x.to("float64").abs().matmul(wide.abs().transpose(0, 1))
          const product = skinnyLinear(x, weight, bias, { scales, instructionSet }).to("float64")
          expect(product.sub(exact).abs().div(scale).max().item() / 2 ** -24).toBeLessThan(ROUNDINGS)
        })
      }
    })

    it(`widens every finite 16-bit weight exactly, and infinity, ${instructionSet}`, () => {
      const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i)
      for (const [dtype, infinity] of [
        ["bfloat16", 0x7f80],
        ["float16", 0x7c00],
      ] as const) {
        const finite = patterns.filter((bits) => (bits & infinity) !== infinity)
        // A diagonal of ones would cost 65536² products: each row of weights holds one number, the rest are zeros.
        const columns = 64
        for (let start = 0; start < finite.length; start += 8192) {
          const part = finite.slice(start, start + 8192)
          const data = new Uint16Array(part.length * columns)
          part.forEach((bits, i) => {
            data[i * columns + (i % columns)] = bits
          })
          const weight = tensor(data, [part.length, columns], { dtype })
          noGrad(() => {
            const product = skinnyLinear(ones([1, columns]), weight, null, { instructionSet }).toFloat32()
            expect(product).toEqual(
              tensor(part, [part.length], { dtype })
                .toFloat32()
                .map((value) => value + 0),
            )
          })
        }
        const limits = tensor(Uint16Array.of(infinity, infinity | 0x8000, infinity | 1), [3, 1], { dtype })
        expect(noGrad(() => skinnyLinear(ones([1, 1]), limits, null, { instructionSet }).toNumbers())).toEqual([
          Number.POSITIVE_INFINITY,
          Number.NEGATIVE_INFINITY,
          Number.NaN,
        ])
      }
    })

    it(`never lets what lies behind a row reach the result, ${instructionSet}`, () => {
      const weight = tensor([1, 2, 3, Number.NaN, Number.NaN, Number.NaN], [2, 3])
      const product = noGrad(() => skinnyLinear(ones([1, 3]), weight.narrow(0, 0, 1), null, { instructionSet }))
      expect(product.toNumbers()).toEqual([6])
    })
  }

  it("takes any leading dimensions, strided and 16-bit activations, and gives their type back", () => {
    noGrad(() => {
      const weight = randn([6, 5])
      expect(skinnyLinear(randn([2, 3, 5]), weight).shape).toEqual([2, 3, 6])
      expect(skinnyLinear(randn([5]), weight).shape).toEqual([6])
      const x = randn([5, 4])
      const strided = skinnyLinear(x.transpose(0, 1), weight)
      expect(strided.toFloat32()).toEqual(skinnyLinear(x.transpose(0, 1).contiguous(), weight).toFloat32())
      for (const dtype of ["bfloat16", "float16"] satisfies DType[]) {
        const narrow = randn([3, 5]).to(dtype)
        const product = skinnyLinear(narrow, weight)
        expect(product.dtype).toBe(dtype)
        expect(product.toFloat32()).toEqual(skinnyLinear(narrow.to("float32"), weight).to(dtype).toFloat32())
      }
    })
  })

  it("handles nothing: no rows, no outputs, no inputs", () => {
    noGrad(() => {
      expect(skinnyLinear(zeros([0, 4]), zeros([3, 4])).shape).toEqual([0, 3])
      expect(skinnyLinear(zeros([2, 4]), zeros([0, 4])).shape).toEqual([2, 0])
      expect(skinnyLinear(zeros([2, 0]), zeros([3, 0]), tensor([1, 2, 3])).toNumbers()).toEqual([1, 2, 3, 1, 2, 3])
    })
  })

  it.each(SETS)("gives the same bits again, and for a row alone or among others: %s", (instructionSet) => {
    noGrad(() => {
      for (const dtype of ["bfloat16", "float16", "float32"] satisfies DType[]) {
        // Several tiles of rows and blocks of outputs, and a rest of each.
        const [rows, x] = [33, randn([33, 4609])]
        const [weight, bias] = [randn([130, 4609]).to(dtype), randn([130])]
        const product = (input: Tensor): Float32Array =>
          skinnyLinear(input, weight, bias, { instructionSet }).toFloat32() as Float32Array
        const together = product(x)
        expect(together.length).toBe(rows * 130)
        expect(product(x)).toEqual(together)
        for (let row = 0; row < rows; row++)
          expect(product(x.narrow(0, row, 1)), `row ${row}`).toEqual(together.slice(row * 130, (row + 1) * 130))
        expect(product(x.narrow(0, 3, 7))).toEqual(together.slice(3 * 130, 10 * 130))
      }
    })
  })

  it("refuses what does not fit", () => {
    noGrad(() => {
      const [x, weight] = [ones([2, 4]), ones([3, 4])]
      expect(() => skinnyLinear(ones([2, 5]), weight)).toThrow(
        /x \[\.\.\., K\] and weight \[N, K\] expected.*\[2, 5\].*\[3, 4\]/,
      )
      expect(() => skinnyLinear(x, ones([4]))).toThrow(/expected/)
      expect(() => skinnyLinear(x, weight, ones([4]))).toThrow(/bias must be \[3\]/)
      expect(() => skinnyLinear(x, weight, ones([3, 1]))).toThrow(/bias must be \[3\]/)
      expect(() => skinnyLinear(x, ones([4, 3]).transpose(0, 1))).toThrow(/contiguous/)
      expect(() => skinnyLinear(x.to("float64"), weight)).toThrow(/x must be float32/)
      expect(() => skinnyLinear(x, weight.to("int64"))).toThrow(/weights must be/)
      expect(() => skinnyLinear(x, weight.to("int8"))).toThrow(/int8 weights need scales/)
      expect(() => skinnyLinear(x, weight, null, { scales: ones([3]) })).toThrow(/others take none/)
      expect(() => skinnyLinear(x, weight, null, { instructionSet: "sse9" as InstructionSet })).toThrow(/sse9/)
    })
  })

  it("refuses to lose a gradient", () => {
    const weight = ones([3, 4]).requiresGrad_()
    expect(() => skinnyLinear(ones([2, 4]), weight)).toThrow(/no backward pass/)
    expect(() => skinnyLinear(ones([2, 4]), ones([3, 4]), ones([3]).requiresGrad_())).toThrow(/no backward pass/)
    expect(noGrad(() => skinnyLinear(ones([2, 4]), weight).toNumbers())).toEqual([4, 4, 4, 4, 4, 4])
  })
})

describe("chooseTokens", () => {
  const rule = { uniform: 0.5, temperature: 0, topK: 0, topP: 1, banned: -1, unmodified: false }
  const VOCABULARY = 3001

  it.each(SETS)(
    "takes the largest, and draws by sums of exponentials, whatever the number of tokens: %s",
    (instructionSet) => {
      noGrad(() => {
        const generator = new Generator(2)
        const parts = [1, 6, 3].map((rows) => randn([rows, VOCABULARY], { generator }).mul(3))
        const rows = parts.flatMap((part) => part.split(1).map((row) => [...row.toFloat32()]))
        const rules = rows.map((_, i) => ({
          ...rule,
          uniform: i / 9.5,
          temperature: i % 3 === 0 ? 0 : 0.6 + 0.2 * i,
          banned: i % 2 ? 700 * (i % 5) : -1,
          unmodified: i % 4 === 1,
        }))
        const { ids, confidences, states } = chooseTokens(parts, rules, { instructionSet })
        expect(states).toEqual(rows.map(() => "fine"))
        rows.forEach((logits, i) => {
          const { uniform, temperature, banned, unmodified } = rules[i]
          const weightsAt = (by: number): number[] => logits.map((x, id) => (id === banned ? 0 : Math.exp(x / by)))
          const weights = weightsAt(temperature || 1)
          const total = weights.reduce((a, b) => a + b)
          let sum = 0
          const reached = weights.findIndex((weight) => {
            sum += weight
            return sum > uniform * total
          })
          expect(ids[i]).toBe(temperature ? reached : weights.indexOf(Math.max(...weights)))
          const own = unmodified ? weightsAt(1) : weights
          expect(confidences[i] / (own[ids[i]] / own.reduce((a, b) => a + b))).toBeCloseTo(1, 4)
        })
      })
    },
  )

  it.each(SETS)("says of each row whether its numbers are fine, at every place in it: %s", (instructionSet) => {
    noGrad(() => {
      for (const size of [1, 2, 15, 16, 17, 40]) {
        const [fine, same, broken] = [0, 1, 2].map((which) =>
          Float32Array.from({ length: size }, (_, i) => (which === 0 ? i : 4)),
        )
        broken[size - 1] = Number.NaN
        const rows = tensor(Float32Array.from([...fine, ...same, ...broken]), [3, size])
        const { states } = chooseTokens([rows], [rule, rule, rule], { instructionSet })
        expect(states).toEqual(["fine", size > 1 ? "all the same" : "fine", "not finite"])
      }
    })
  })

  it("refuses what does not fit", () => {
    noGrad(() => {
      expect(() => chooseTokens([ones([2, 3])], [rule])).toThrow(/1 rules for 2 rows/)
      expect(() => chooseTokens([ones([1, 3]), ones([1, 4])], [rule, rule])).toThrow(/\[n, V\]/)
      expect(() => chooseTokens([ones([1, 3]).to("float64")], [rule])).toThrow(/float32/)
    })
  })
})

describe("fastRmsNorm", () => {
  it.each(SETS)("equals its definition, at every width: %s", (instructionSet) => {
    noGrad(() => {
      for (const width of [1, 3, 15, 16, 17, 31, 64, 160, 579]) {
        const [x, weight] = [randn([7, width]), randn([width])]
        const exact = (a: Tensor, w: Tensor): Tensor => {
          const wide = a.to("float64")
          return wide.mul(wide.mul(wide).mean([1], true).add(1e-5).rsqrt()).mul(w.to("float64"))
        }
        const norm = (...tensors: [Tensor, Tensor]): Tensor => fastRmsNorm(...tensors, 1e-5, { instructionSet })
        const errorOf = (a: Tensor, b: Tensor): number =>
          a.to("float64").sub(b).abs().div(b.abs().add(1e-3)).max().item()
        expect(errorOf(norm(x, weight), exact(x, weight))).toBeLessThan(1e-6)
        const half = [x, weight].map((tensor) => tensor.to("bfloat16")) as [Tensor, Tensor]
        expect(errorOf(norm(...half), exact(...half))).toBeLessThan(2 ** -8)
      }
    })
  })

  it("is a row's own: rows that lie otherwise, broken numbers, gradients", () => {
    noGrad(() => {
      const [x, weight] = [randn([70, 24]), ones([24])]
      expect(fastRmsNorm(x.narrow(0, 3, 1), weight, 0).toArray()).toEqual(
        fastRmsNorm(x, weight, 0).narrow(0, 3, 1).contiguous().toArray(),
      )
      const across = x.transpose(0, 1).contiguous().transpose(0, 1)
      expect(fastRmsNorm(across, weight, 0).toArray()).toEqual(fastRmsNorm(x, weight, 0).toArray())
      for (const dtype of ["float32", "bfloat16"] as const) {
        const broken = ones([2, 20]).to(dtype)
        broken.narrow(0, 1, 1).narrow(1, 19, 1).fill_(Number.NaN)
        const out = fastRmsNorm(broken, ones([20]).to(dtype), 0)
        expect(out.isfinite().sum([1]).toNumbers()).toEqual([20, 0])
      }
      expect(() => fastRmsNorm(x, ones([23]), 0)).toThrow(/\[70, 24\] and \[23\]/)
      expect(() => fastRmsNorm(x, weight.to("bfloat16"), 0)).toThrow(/both be/)
    })
    expect(() => fastRmsNorm(ones([1, 2]).requiresGrad_(), ones([2]), 0)).toThrow(/no backward pass/)
  })
})
