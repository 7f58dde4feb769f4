/** Frequencies against those of transformers 4.57.6 (test/fixtures/rope), bit for bit. */
import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { tensor } from "../torch/index.js"
import { ropeTables } from "./rope.js"
import { attentionFactor, type RopeScaling, yarnAttention } from "./rope-scaling.js"

interface Case {
  name: string
  theta: number
  head_dim: number
  max_position_embeddings: number
  rope_scaling: Record<string, number>
  length: number | null
  inv_freq: number[]
  attention_factor: number
}
const cases: Case[] = JSON.parse(
  readFileSync(new URL("../../test/fixtures/rope/scaling.json", import.meta.url), "utf8"),
)

function scalingOf({ rope_scaling: s, max_position_embeddings: maxPositions }: Case): RopeScaling | undefined {
  const { factor } = s
  const originalPositions = s.original_max_position_embeddings
  switch (s.rope_type as unknown) {
    case "linear":
      return { type: "linear", factor }
    case "dynamic":
      return { type: "dynamic", factor, maxPositions }
    case "llama3":
      return { type: "llama3", factor, lowFactor: s.low_freq_factor, highFactor: s.high_freq_factor, originalPositions }
    case "yarn":
      return {
        type: "yarn",
        factor,
        originalPositions,
        betaFast: s.beta_fast ?? 32,
        betaSlow: s.beta_slow ?? 1,
        truncate: (s.truncate as unknown) !== false,
        attentionFactor: s.attention_factor ?? yarnAttention(factor, s.mscale, s.mscale_all_dim),
      }
    default:
      return undefined
  }
}

it.each(cases)("$name", (one) => {
  const scaling = scalingOf(one)
  expect(attentionFactor(scaling)).toBeCloseTo(one.attention_factor, 14)
  // At position 1 the angle is the frequency; the last position tells the length.
  const positions = tensor(BigInt64Array.of(1n, BigInt((one.length ?? 2) - 1)), [1, 2])
  const { sin } = ropeTables(positions, { headDim: one.head_dim, theta: one.theta, scaling, dtype: "float32" })
  const factor = Math.fround(one.attention_factor)
  const expected = tensor(Float32Array.from(one.inv_freq)).sin().mul(factor).toNumbers()
  const half = one.inv_freq.length
  expect(sin.narrow(2, 0, 1).reshape(-1).narrow(0, half, half).toNumbers()).toEqual(expected)
})

it("rounds frequencies where it is asked to, and nothing else", () => {
  const at = tensor(BigInt64Array.of(1n), [1, 1])
  const options = { headDim: 8, theta: 1e4, dtype: "float32" } as const
  const { sin } = ropeTables(at, { ...options, rounding: "bfloat16" })
  const frequencies = tensor(Float32Array.from([1, 0.1, 0.01, 0.001]))
    .to("bfloat16")
    .to("float32")
  expect(sin.reshape(-1).narrow(0, 4, 4).toNumbers()).toEqual(frequencies.sin().toNumbers())
  expect(ropeTables(at, options).sin.toNumbers()).not.toEqual(sin.toNumbers())
})

it("changes nothing dynamically within the model's own length", () => {
  const at = tensor(BigInt64Array.of(0n, 127n), [1, 2])
  const tables = (scaling?: RopeScaling) =>
    ropeTables(at, { headDim: 8, theta: 1e4, scaling, dtype: "float32" }).sin.toNumbers()
  expect(tables({ type: "dynamic", factor: 4, maxPositions: 128 })).toEqual(tables())
})
