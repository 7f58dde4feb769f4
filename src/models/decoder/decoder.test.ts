import { beforeAll, describe, expect, it } from "vitest"
import { tinyConfig } from "../../../test/support/tiny-model.js"
import { finish } from "../../in-turns.js"
import {
  type AttentionPattern,
  bidirectional,
  blockCausal,
  causal,
  noisedOverClean,
} from "../../nn/attention-pattern.js"
import {
  arange,
  backward,
  cat,
  collect,
  memory,
  noGrad,
  stack,
  type Tensor,
  tensor,
  tidy,
  zeros,
} from "../../torch/index.js"
import type { Qwen25VL } from "../families/qwen2_5_vl.js"
import type { QwenVlConfig } from "../families/qwen2_5_vl-read.js"
import { newModel } from "../registry.js"

// Tied head, windows and whole images in the tower, three layers.
const config: QwenVlConfig = {
  ...tinyConfig,
  text: { ...tinyConfig.text, layers: 3, tie: true, headDim: 8, mropeSection: [2, 1, 1] },
  vision: { ...tinyConfig.vision, depth: 2, fullAttentionBlocks: [1] },
}

let model: Qwen25VL
beforeAll(() => {
  model = newModel(config, 5, { std: 0.3, dtype: "float64" }) as Qwen25VL
})

const someIds = (rows: number, seed = 3): Int32Array =>
  Int32Array.from({ length: rows }, (_, i) => (i * i * seed + 7 * i + seed) % 60)
const positions = (...rows: number[][]): Tensor =>
  tensor(rows.flat(), [rows.length, rows[0].length], { dtype: "int64" })
const upTo = (end: number, from = 0): number[] => Array.from({ length: end - from }, (_, i) => from + i)
const difference = (a: Tensor, b: Tensor): number => a.sub(b).abs().max().item()

function run(ids: Int32Array, pattern: AttentionPattern, outputPositions?: Int32Array): Tensor {
  return model.forward({
    embeddings: model.embed(ids).unsqueeze(0),
    positions: arange(0, ids.length).unsqueeze(0),
    patterns: [pattern],
    outputPositions: outputPositions && [outputPositions],
  })
}

describe("the text decoder", () => {
  it("keeps nothing of a forward but what it returns: with masks, with chunks, in windows, and when it fails", () => {
    const text = { ...config.text, windows: [null, 9, null] }
    const [windowed, broken] = [0, 1].map(() => newModel({ ...config, text } as QwenVlConfig, 5) as Qwen25VL)
    broken.parameters().get("model.layers.2.mlp.down_proj.weight")!.dispose()
    const forward = (of: Qwen25VL, length: number): void =>
      tidy(() =>
        noGrad(() => {
          const embeddings = of.embed(someIds(length)).unsqueeze(0)
          const patterns = [blockCausal(length, 4)]
          const input = { embeddings, positions: arange(0, length).unsqueeze(0), patterns }
          of.forward({ ...input, outputPositions: [Int32Array.of(3, 5)] })
        }),
      )
    forward(model, 20)
    collect()
    const before = memory().tensors
    for (const length of [20, 700]) {
      for (const of of [model, windowed]) forward(of, length)
      expect(memory().tensors).toBe(before)
      expect(() => forward(broken, length)).toThrow(/dispos/)
      expect(memory().tensors).toBe(before)
    }
  })

  it("gives the same with a cache as without, in pieces of any size", () =>
    noGrad(() => {
      const ids = someIds(20)
      for (const blockSize of [1, 4, 7]) {
        const whole = run(ids, blockCausal(20, blockSize))
        // Room for 8 rows only: the cache must grow.
        const cache = model.newCache(8)
        const pieces: Tensor[] = []
        for (let start = 0; start < 20; ) {
          const rows = Math.min(20 - start, blockSize * (start === 0 ? 2 : 1))
          const input = {
            embeddings: model.embed(ids.slice(start, start + rows)).unsqueeze(0),
            positions: arange(start, start + rows).unsqueeze(0),
            patterns: [blockCausal(rows, blockSize, start)],
            caches: [cache],
          }
          // A forward that is not committed leaves no trace.
          tidy(() => model.forward({ ...input, embeddings: input.embeddings.mul(2) }))
          pieces.push(tidy(() => model.forward(input)))
          cache.commit(rows)
          start += rows
        }
        expect(cache.length).toBe(20)
        expect(difference(cat(pieces, 1), whole)).toBeLessThan(1e-12)
      }
    }))

  it("runs several sequences at once, each over its own cache, as each alone", () =>
    noGrad(() => {
      const sequences = [someIds(9), someIds(14, 5), someIds(6, 11)]
      const cached = [4, 0, 5]
      const wanted = [[1, 4], [0, 7, 13], []].map((rows) => Int32Array.from(rows))
      const parts = sequences.map((ids, i) => ids.slice(cached[i]))
      const caches = sequences.map((ids, i) => {
        const cache = model.newCache(20)
        if (cached[i] === 0) return cache
        model.forward({
          embeddings: model.embed(ids.slice(0, cached[i])).unsqueeze(0),
          positions: arange(0, cached[i]).unsqueeze(0),
          patterns: [causal(cached[i])],
          caches: [cache],
        })
        cache.commit(cached[i])
        // A copy of its tokens sees the same and is changed by nobody else; it grows where there is no room.
        const copy = model.newCache(i === 2 ? 3 : 20)
        copy.append(cache.copy(0, 2))
        copy.append(cache.copy(2, cached[i]))
        cache.dispose()
        return copy
      })
      const input = {
        embeddings: model.embed(Int32Array.from(parts.flatMap((ids) => [...ids]))).unsqueeze(0),
        positions: positions(sequences.flatMap((ids, i) => upTo(ids.length, cached[i]))),
        patterns: parts.map((ids, i) => causal(ids.length, cached[i])),
        caches,
      }
      const whole = sequences.map((ids) => run(ids, causal(ids.length)).squeeze(0))
      const together = model.forward(input).squeeze(0)
      let start = 0
      for (const [i, ids] of parts.entries()) {
        const alone = whole[i].narrow(0, cached[i], ids.length)
        expect(difference(together.narrow(0, start, ids.length), alone)).toBeLessThan(1e-12)
        start += ids.length
      }
      const some = model.forward({ ...input, outputPositions: wanted })
      const expected = wanted.flatMap((rows, i) => Array.from(rows, (row) => whole[i].narrow(0, cached[i] + row, 1)))
      expect(some.shape).toEqual([5, model.hiddenSize])
      expect(difference(some, cat(expected))).toBeLessThan(1e-12)
      // The second has nothing behind it: without a cache it is computed just so.
      const without = model.forward({ ...input, caches: caches.map((cache, i) => (i === 1 ? undefined : cache)) })
      expect(difference(without.squeeze(0), together)).toBeLessThan(1e-12)
      for (const [i, cache] of caches.entries()) {
        cache.commit(parts[i].length)
        expect(cache.length).toBe(sequences[i].length)
      }
    }))

  it("rewinds a cache", () =>
    noGrad(() => {
      const ids = someIds(10)
      const cache = model.newCache(16)
      const forward = (from: number, to: number): Tensor => {
        const out = model.forward({
          embeddings: model.embed(ids.slice(from, to)).unsqueeze(0),
          positions: arange(from, to).unsqueeze(0),
          patterns: [causal(to - from, from)],
          caches: [cache],
        })
        cache.commit(to - from)
        return out
      }
      forward(0, 10)
      cache.truncate(4)
      expect(difference(forward(4, 10), run(ids, causal(10)).narrow(1, 4, 6))).toBeLessThan(1e-12)
      expect(() => cache.commit(1)).toThrow(RangeError)
      expect(() => cache.truncate(11)).toThrow(RangeError)
    }))

  it("gives a sample the same alone as in a padded batch", () =>
    noGrad(() => {
      const [long, short] = [someIds(14), someIds(9, 5)]
      const padded = Int32Array.from({ length: 14 }, (_, i) => short[i] ?? 0)
      for (const make of [causal, bidirectional, (rows: number) => blockCausal(rows, 4)]) {
        const together = model.forward({
          embeddings: stack([model.embed(long), model.embed(padded)]),
          positions: positions(upTo(14), upTo(14)),
          patterns: [make(14), make(9)],
        })
        expect(difference(together.narrow(0, 0, 1), run(long, make(14)))).toBeLessThan(1e-12)
        expect(difference(together.narrow(0, 1, 1).narrow(1, 0, 9), run(short, make(9)))).toBeLessThan(1e-12)
      }
    }))

  it("computes only the wanted rows, and the same, with the same gradients", () => {
    const ids = [someIds(14), someIds(14, 5)]
    const wanted = [Int32Array.of(2, 3, 11, 13), Int32Array.of(0, 5)]
    const patterns = [
      noisedOverClean({ cleanTokens: 8, noisedBlocks: [1, 2], blockSize: 4, length: 10 }),
      blockCausal(9, 4),
    ]
    const trained = newModel(config, 6, { std: 0.3, dtype: "float64", trainable: true })
    const compute = (outputPositions?: Int32Array[]): { out: Tensor; grads: Tensor[] } => {
      const out = trained.forward({
        embeddings: stack(ids.map((list) => trained.embed(list))),
        positions: positions(upTo(14), upTo(14)),
        patterns,
        outputPositions,
      })
      const kept = outputPositions ? out : cat(wanted.map((rows, b) => out.select(0, b).indexSelect(0, tensor(rows))))
      backward(trained.logits(kept).pow(2).sum())
      const grads = [...trained.parameters().values()].filter((weight) => weight.grad).map((weight) => weight.grad!)
      for (const weight of trained.parameters().values()) weight.grad = null
      return { out: kept, grads }
    }
    const all = compute()
    const some = compute(wanted)
    expect(some.out.shape).toEqual([6, config.text.hiddenSize])
    expect(difference(all.out, some.out)).toBeLessThan(1e-11)
    expect(some.grads.length).toBe(all.grads.length)
    expect(some.grads.length).toBeGreaterThan(10)
    for (const [i, grad] of some.grads.entries()) {
      expect(difference(grad, all.grads[i])).toBeLessThan(1e-9 * (1 + all.grads[i].abs().max().item()))
    }
  })

  it("with equal axes, M-RoPE is ordinary RoPE", () =>
    noGrad(() => {
      const embeddings = model.embed(someIds(6)).unsqueeze(0)
      const rows = positions([3, 4, 5, 9, 10, 11])
      const compute = (at: Tensor): Tensor => model.forward({ embeddings, positions: at, patterns: [causal(6)] })
      expect(difference(compute(rows), compute(stack([rows, rows, rows])))).toBe(0)
      expect(difference(compute(rows), compute(stack([rows, rows, rows.mul(2)])))).toBeGreaterThan(1e-3)
    }))

  it("gives the same gradients with checkpointing", () => {
    const trained = newModel(config, 8, { std: 0.2, dtype: "float64", trainable: true })
    const image = {
      pixelValues: Float32Array.from({ length: 24 * 1176 }, (_, i) => Math.sin(i)),
      grid: [1, 4, 6] as const,
      pieces: [6],
    }
    const compute = (on: boolean): Map<string, Tensor> => {
      trained.checkpointLayers = on
      const features = trained.encodeImages([image])[0]
      const embeddings = cat([trained.embed(someIds(4)), features]).unsqueeze(0)
      const out = trained.forward({ embeddings, positions: positions(upTo(10)), patterns: [causal(10)] })
      backward(trained.logits(out.squeeze(0)).pow(2).sum())
      const grads = new Map([...trained.parameters()].map(([name, weight]) => [name, weight.grad!]))
      for (const weight of trained.parameters().values()) weight.grad = null
      return grads
    }
    const plain = compute(false)
    expect(plain.size).toBeGreaterThan(10)
    for (const [name, grad] of compute(true)) {
      const expected = plain.get(name)!
      expect(difference(grad, expected), name).toBeLessThan(1e-10 * (1 + expected.abs().max().item()))
    }
  })
})

describe("the vision tower", () => {
  const image = (rows: number, columns: number, seed: number) => ({
    pixelValues: Float32Array.from({ length: rows * columns * 1176 }, (_, i) => Math.sin(i * seed)),
    grid: [1, rows, columns] as const,
    pieces: [(rows * columns) / 4],
  })

  it("keeps nothing of a forward but the features", () => {
    // Windows of several sizes, whose order is remembered for all blocks.
    const encode = (): void => tidy(() => noGrad(() => void model.encodeImages([image(10, 6, 1.3), image(4, 18, 0.7)])))
    encode()
    collect()
    const before = memory().tensors
    encode()
    expect(memory().tensors).toBe(before)
  })

  it("gives each image the same alone as among others", () =>
    noGrad(() => {
      const images = [image(4, 6, 1.3), image(10, 2, 0.7), image(4, 6, 2.1)]
      const together = model.encodeImages(images)
      images.forEach((one, i) => {
        expect(together[i].shape).toEqual([one.pieces[0], config.text.hiddenSize])
        expect(difference(together[i], model.encodeImages([one])[0])).toBeLessThan(1e-12)
      })
      expect(model.encodeImages([])).toEqual([])
      expect(finish(model.encodeImagesInPieces([]))).toEqual([])
    }))
})

it("starts a new model the same for the same seed", () => {
  const [a, b, c] = [1, 1, 2].map((seed) => newModel(config, seed, { embeddingStd: 0.04 }).parameters())
  const weight = (of: Map<string, Tensor>, name: string): Tensor => of.get(name)!
  const name = "model.layers.0.mlp.up_proj.weight"
  expect(difference(weight(a, name), weight(b, name))).toBe(0)
  expect(difference(weight(a, name), weight(c, name))).toBeGreaterThan(0.01)
  const spread = (x: Tensor): number => x.pow(2).mean().sqrt().item()
  expect(spread(weight(a, "model.embed_tokens.weight"))).toBeCloseTo(0.04, 2)
  expect(spread(weight(a, name))).toBeCloseTo(0.02, 2)
  expect(difference(weight(a, "model.norm.weight"), zeros([config.text.hiddenSize]).add(1))).toBe(0)
  expect(weight(a, "model.layers.0.self_attn.q_proj.bias").abs().max().item()).toBe(0)
})
