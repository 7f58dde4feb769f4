/**
 * The bound against its definition, enumerated: the mean over all orders of decoding of the log-likelihood of the order, each
 * token given those before it in the order, in float64.
 */

import { describe, expect, it } from "vitest"
import { likelihoodsOf, valuesOf } from "../../../test/support/likelihoods.js"
import { MASK, tinyModel } from "../../../test/support/tiny-model.js"
import { randomFrom } from "../../data/prng.js"
import { fromDense } from "../../nn/attention-pattern.js"
import { arange, noGrad, tidy } from "../../torch/index.js"
import { blockLikelihoods } from "../block-diffusion/likelihood.js"
import { blockDiffusionObjective } from "../block-diffusion/objective.js"
import { fullDiffusionLikelihoods } from "../full-diffusion/likelihood.js"
import type { LikelihoodBound } from "../paradigm.js"
import type { LikelihoodPlan } from "./plan.js"

const model = tinyModel(9)
const prompt = Int32Array.of(8, 9, 10, 11, 12)
const answer = Int32Array.of(13, 20, 17, 31, 15, 22)
const tokens = [...prompt, ...answer]
const end = tokens.length

interface Way {
  name: string
  /** Infinity: full diffusion. */
  blockSize: number
  shift: "same" | "next"
  context: "block" | "causal"
}
const ways: Way[] = [
  { name: "full", blockSize: Number.POSITIVE_INFINITY, shift: "same", context: "block" },
  { name: "full, next", blockSize: Number.POSITIVE_INFINITY, shift: "next", context: "block" },
  { name: "blocks of 4", blockSize: 4, shift: "same", context: "block" },
  { name: "blocks of 4, next", blockSize: 4, shift: "next", context: "block" },
  { name: "blocks of 3, causal", blockSize: 3, shift: "same", context: "causal" },
  { name: "blocks of 3, next, causal", blockSize: 3, shift: "next", context: "causal" },
]
const planOf = ({ blockSize, shift, context }: Way, bound?: LikelihoodBound): LikelihoodPlan =>
  Number.isFinite(blockSize)
    ? blockLikelihoods(prompt.length, [answer], { blockSize, shift, context, maskToken: MASK, bound })
    : fullDiffusionLikelihoods(prompt.length, [answer], { shift, maskToken: MASK, bound })

/** log p of a position's token, given which positions are hidden; those behind the answer in its last block are. */
function logProbability({ blockSize, shift, context }: Way, position: number, hidden: ReadonlySet<number>): number {
  const block = Math.min(blockSize, end)
  const start = Number.isFinite(blockSize) ? position - (position % block) : 0
  const first = shift === "next" && Number.isFinite(blockSize) && position === start
  // What a clean row predicts sees nothing of the block.
  const length = first ? position : start + block
  const ids = Int32Array.from({ length }, (_, i) => (i >= end || (i >= start && hidden.has(i)) ? MASK : tokens[i]))
  const blockOf = (row: number): number => Math.floor(row / block)
  const isClean = (row: number): boolean => first || row < start
  return noGrad(() => {
    const pattern = fromDense(
      length,
      (q, k) => !Number.isFinite(blockSize) || (context === "causal" && isClean(q) ? k <= q : blockOf(k) <= blockOf(q)),
    )
    const input = { embeddings: model.embed(ids).unsqueeze(0), positions: arange(0, length).unsqueeze(0) }
    const states = model.forward({ ...input, patterns: [pattern] }).squeeze(0)
    const row = states.narrow(0, position - (shift === "next" ? 1 : 0), 1)
    return model.logits(row).logSoftmax(1).select(1, tokens[position]).item()
  })
}

function* orders(of: readonly number[]): Generator<number[]> {
  if (of.length === 0) yield []
  for (const [i, first] of of.entries())
    for (const rest of orders([...of.slice(0, i), ...of.slice(i + 1)])) yield [first, ...rest]
}

/** Of all orders within blocks: the mean of log p, and the log of the mean of p. */
function enumerated(way: Way): { mean: number; likelihood: number } {
  const size = Math.min(way.blockSize, end)
  const positions = Array.from({ length: answer.length }, (_, i) => prompt.length + i)
  const known = new Map<string, number>()
  const logOf = (position: number, hidden: number[]): number => {
    const key = `${position} ${hidden.toSorted((a, b) => a - b)}`
    if (!known.has(key)) known.set(key, logProbability(way, position, new Set(hidden)))
    return known.get(key)!
  }
  let [mean, likelihood] = [0, 0]
  for (const block of new Set(positions.map((position) => Math.floor(position / size)))) {
    const own = Number.isFinite(way.blockSize)
      ? positions.filter((position) => Math.floor(position / size) === block)
      : positions
    const logs = [...orders(own)].map((order) =>
      order.reduce((sum, position, i) => sum + logOf(position, order.slice(i)), 0),
    )
    mean += logs.reduce((sum, log) => sum + log, 0) / logs.length
    likelihood += Math.log(logs.reduce((sum, log) => sum + Math.exp(log), 0) / logs.length)
    if (!Number.isFinite(way.blockSize)) break
  }
  return { mean, likelihood }
}

describe.each(ways)("the bound, $name", (way) => {
  const { mean, likelihood } = enumerated(way)

  it("is the mean over all masks that its definition says, and below the likelihood of the orders together", async () => {
    expect(mean).toBeLessThan(likelihood)
    expect(await exactBound(way)).toBeCloseTo(mean, 5)
  })

  it("is what the estimate comes to, within its standard error", async () => {
    const [{ logLikelihood, standardError }] = await likelihoodsOf(
      model,
      { ids: prompt },
      planOf(way, { samples: 1500, seed: 3 }),
    )
    expect(standardError).toBeLessThan(0.02 * Math.abs(mean))
    expect(Math.abs(logLikelihood - mean)).toBeLessThan(3 * standardError!)
  })

  it("has the standard error that estimates of several seeds have", async () => {
    const seeds = Array.from({ length: 40 }, (_, seed) => seed)
    const found = await Promise.all(
      seeds.map(async (seed) => (await likelihoodsOf(model, { ids: prompt }, planOf(way, { samples: 24, seed })))[0]),
    )
    const values = found.map(({ logLikelihood }) => logLikelihood)
    const middle = values.reduce((sum, value) => sum + value, 0) / values.length
    const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1))
    const told = Math.sqrt(found.reduce((sum, { standardError }) => sum + standardError! ** 2, 0) / found.length)
    expect(Math.abs(middle - mean)).toBeLessThan((4 * spread) / Math.sqrt(seeds.length))
    // Forty values know their spread to about a ninth; what is told errs to the safe side.
    expect(told / spread).toBeGreaterThan(0.75)
    expect(told / spread).toBeLessThan(1.6)
  })

  it("is the same for the same seed, and another for another", async () => {
    const value = async (seed: number) => (await valuesOf(model, { ids: prompt }, planOf(way, { samples: 9, seed })))[0]
    expect(await value(1)).toBe(await value(1))
    expect(await value(1)).not.toBe(await value(2))
  })
})

it("is the training objective, with noise levels over all of (0, 1)", async () => {
  for (const shift of ["same", "next"] as const) {
    const whole = Int32Array.of(...answer, 40)
    const ids = Int32Array.of(...prompt, ...whole)
    const labels = Int32Array.from(ids, (id, i) => (i < prompt.length ? -100 : id))
    const batch = { samples: [{ ids, labels, images: [], where: "test" }], images: [] }
    const noise = { schedule: "uniform", epsMin: 1e-4, copies: 200 } as const
    const options = { ...noise, blockSize: 4, maskToken: MASK, shift, per: "tokens" } as const
    const uniform = randomFrom(2)
    const losses = Array.from({ length: 16 }, () =>
      noGrad(() => tidy(() => blockDiffusionObjective(model, batch, options, uniform, []).sum.item())),
    )
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length
    const error = Math.sqrt(
      losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / (losses.length - 1) / losses.length,
    )
    const bound = { samples: 3000, seed: 0 }
    const plan = blockLikelihoods(prompt.length, [whole], { blockSize: 4, maskToken: MASK, shift, bound })
    const [{ logLikelihood, standardError }] = await likelihoodsOf(model, { ids: prompt }, plan)
    expect(error).toBeLessThan(0.03 * mean)
    expect(Math.abs(mean + logLikelihood)).toBeLessThan(3.5 * Math.hypot(error, standardError!))
  }
})

/** Σ over all masks of l tokens, 1/l of their mean: what the samples are drawn from. */
async function exactBound(way: Way): Promise<number> {
  const size = Math.min(way.blockSize, end)
  const positions = Array.from({ length: answer.length }, (_, i) => prompt.length + i)
  const blocks = Number.isFinite(way.blockSize)
    ? [...new Set(positions.map((p) => Math.floor(p / size)))].map((b) =>
        positions.filter((p) => Math.floor(p / size) === b),
      )
    : [positions]
  let total = 0
  for (const own of blocks)
    for (let bits = 1; bits < 1 << own.length; bits++) {
      const hidden = own.filter((_, i) => (bits >> i) & 1)
      const weight = 1 / (hidden.length * choose(own.length, hidden.length))
      for (const position of hidden) {
        const isFirst = way.shift === "next" && Number.isFinite(way.blockSize) && position % size === 0
        if (!isFirst) total += weight * logProbability(way, position, new Set(hidden))
      }
    }
  for (const position of positions)
    if (way.shift === "next" && Number.isFinite(way.blockSize) && position % size === 0)
      total += logProbability(way, position, new Set())
  return total
}

const choose = (n: number, k: number): number => (k === 0 ? 1 : (choose(n - 1, k - 1) * n) / k)
