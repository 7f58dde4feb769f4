/** Features of pictures: computed once, for whoever asks, and given back. */

import { beforeEach, describe, expect, it } from "vitest"
import type { Work } from "../in-turns.js"
import type { ImageInput, LanguageModel } from "../models/types.js"
import { collect, memory, type Tensor, tensor } from "../torch/index.js"
import { nameOfContent } from "./content-name.js"
import { PictureCache } from "./picture-cache.js"

/** Four numbers a picture. */
const BYTES = 2 * 2 * 4
const image = (value: number, more: object = {}): ImageInput =>
  ({ pieces: [2], pixelValues: Float32Array.of(value, 2 * value), ...more }) as ImageInput

let batches: number[][]
let model: LanguageModel
/** Pieces that the tower takes for a batch. */
let pieces = 3
beforeEach(() => {
  batches = []
  pieces = 3
  model = {
    *encodeImagesInPieces(images: readonly ImageInput[]): Work<Tensor[]> {
      const values = images.map((one) => (one as unknown as { pixelValues: Float32Array }).pixelValues[0])
      batches.push(values)
      for (let i = 0; i < pieces; i++) {
        for (const until = performance.now() + 6; performance.now() < until; );
        yield
      }
      // As of a tower: parts of one tensor.
      return tensor(Float32Array.from(values.flatMap((v) => [v, v, v, v])), [2 * values.length, 2]).split(2)
    },
  } as unknown as LanguageModel
})
const numbers = async (cache: PictureCache, images: readonly ImageInput[], signal?: AbortSignal): Promise<number[]> => {
  const found = await cache.features(images, signal)
  return found.map(({ features }) => {
    const [value] = features.toNumbers()
    features.dispose()
    return value
  })
}

describe("a picture", () => {
  it("is computed once, also where it is shown twice", async () => {
    const cache = new PictureCache(model, 1000)
    expect(await numbers(cache, [image(1), image(2), image(1)])).toEqual([1, 2, 1])
    expect(await numbers(cache, [image(2), image(3)])).toEqual([2, 3])
    expect(batches).toEqual([[1, 2], [3]])
    expect([cache.asked, cache.reused, cache.bytes]).toEqual([5, 2, 3 * BYTES])
    cache.clear()
    expect(cache.bytes).toBe(0)
    expect(await numbers(cache, [image(2)])).toEqual([2])
    expect(batches).toHaveLength(3)
  })

  it("is the same only where all that the tower is given is", async () => {
    const cache = new PictureCache(model, 1000)
    const grid = (...grid: number[]): object => ({ grid })
    class Opaque {}
    const others = [image(1), image(1, grid(1, 2)), image(1, grid(12)), image(1, { pieces: [1, 1] }), image(2)]
    for (const other of others) await numbers(cache, [other])
    expect(cache.reused).toBe(0)
    await numbers(cache, [image(1, grid(1, 2))])
    expect(cache.reused).toBe(1)
    // What cannot be seen is never the same.
    for (let i = 0; i < 2; i++) await numbers(cache, [image(1, { more: new Opaque() })])
    expect(cache.reused).toBe(1)
  })

  it("that was not used for longest goes first, and one too large is not kept", async () => {
    const cache = new PictureCache(model, 2 * BYTES)
    await numbers(cache, [image(1)])
    await numbers(cache, [image(2)])
    await numbers(cache, [image(1)])
    await numbers(cache, [image(3)])
    expect([cache.bytes, cache.evictions]).toEqual([2 * BYTES, 1])
    batches.length = 0
    await numbers(cache, [image(1)])
    await numbers(cache, [image(3)])
    expect(batches).toEqual([])
    await numbers(cache, [image(2)])
    expect(batches).toEqual([[2]])
    const small = new PictureCache(model, BYTES - 1)
    expect(await numbers(small, [image(1), image(1)])).toEqual([1, 1])
    expect(await numbers(small, [image(1)])).toEqual([1])
    // The second of two in one request.
    expect([small.bytes, small.reused]).toEqual([0, 1])
  })

  it("that another request computes is waited for, and computed anew when that one is given up", async () => {
    const cache = new PictureCache(model, 1000)
    expect(await Promise.all([1, 2, 3].map(() => numbers(cache, [image(1)])))).toEqual([[1], [1], [1]])
    expect(batches).toEqual([[1]])
    const [first, second] = [new AbortController(), new AbortController()]
    const given = numbers(cache, [image(2)], first.signal)
    const waiting = numbers(cache, [image(2)], second.signal)
    const last = numbers(cache, [image(4), image(2)])
    first.abort(new Error("enough"))
    second.abort(new Error("not needed"))
    await Promise.all([expect(given).rejects.toThrow("enough"), expect(waiting).rejects.toThrow("not needed")])
    expect(await last).toEqual([4, 2])
    expect(batches.slice(1)).toEqual([[2], [4, 2]])
  })

  it("leaves nothing behind but what is kept, also when it is given up or cannot be seen", async () => {
    const cache = new PictureCache(model, 1000)
    const cannot = new PictureCache(
      { encodeImagesInPieces: () => Object.assign(failing(), {}) } as unknown as LanguageModel,
      1000,
    )
    await numbers(cache, [image(1)])
    for (let i = 0; i < 3; i++) {
      collect()
      await new Promise(setImmediate)
    }
    const before = memory()
    const abort = new AbortController()
    const given = numbers(cache, [image(1), image(5)], abort.signal)
    abort.abort(new Error("enough"))
    await expect(given).rejects.toThrow("enough")
    await expect(numbers(cannot, [image(1)])).rejects.toThrow("blind")
    await numbers(cache, [image(6), image(7), image(6)])
    expect(memory()).toEqual({ tensors: before.tensors + 2, bytes: before.bytes + 2 * BYTES })
    cache.clear()
    expect(memory().bytes).toBe(before.bytes - BYTES)
  })
})

// biome-ignore lint/correctness/useYield: it fails before
function* failing(): Work<Tensor[]> {
  throw new RangeError("blind")
}

it("names of content tell types, order of keys aside, and shapes apart", () => {
  const all = [1, "1", true, null, undefined, [1], ["1"], { a: 1 }, { b: 1 }, { a: [1] }, [[1], 1], [1, [1]], {}, []]
  const arrays = [new Float32Array(2), new Int32Array(2), new Uint8Array(8), new Float32Array(3)]
  const names = [...all, ...arrays].map(nameOfContent)
  expect(new Set(names).size).toBe(names.length)
  expect(nameOfContent({ a: 1, b: [2, new Float32Array(2)] })).toBe(
    nameOfContent({ b: [2, new Float32Array(2)], a: 1 }),
  )
  expect(nameOfContent(() => 1)).not.toBe(nameOfContent(() => 1))
})
