/** Pictures known by their source: what is recalled, for whom, for how long, and who waits for whom. */

import { beforeEach, describe, expect, it } from "vitest"
import type { Work } from "../in-turns.js"
import type { ImageInput, LanguageModel } from "../models/types.js"
import { collect, memory, type Tensor, tensor } from "../torch/index.js"
import { PictureCache } from "./picture-cache.js"
import { PictureShows, type ShownPictures } from "./shown-pictures.js"

const image = (value: number): ImageInput =>
  ({ pieces: [2], grid: [1, value], pixelValues: Float32Array.of(value, 2 * value) }) as ImageInput

let computed: number
let cache: PictureCache
let shows: PictureShows
const model = {
  *encodeImagesInPieces(images: readonly ImageInput[]): Work<Tensor[]> {
    const values = images.map((one) => (one as unknown as { pixelValues: Float32Array }).pixelValues[0])
    computed += values.length
    return values.map((value) => tensor(Float32Array.of(value, value, value, value), [2, 2]))
  },
} as unknown as LanguageModel
const begun = (limit: number): void => {
  computed = 0
  cache = new PictureCache(model, limit)
  shows = new PictureShows(cache)
}
beforeEach(() => begun(10_000))

const finish = async (shown: ShownPictures, values: readonly number[]): Promise<number[]> => {
  const found = await shown.features(values.map((value, i) => shown.known[i] ?? image(value)))
  shown.end()
  return found.map(({ features }) => {
    const [value] = features.toNumbers()
    features.dispose()
    return value
  })
}
/** @returns which were known */
const show = async (values: readonly number[], salt?: string): Promise<boolean[]> => {
  const shown = await shows.begin(
    values.map((value) => `file ${value}`),
    undefined,
    salt,
  )
  expect(await finish(shown, values)).toEqual(values)
  return shown.known.map((one) => one !== undefined)
}

describe("a picture that was shown", () => {
  it("is known by its source, without its pixels, to requests of the same salt", async () => {
    expect(await show([1, 2])).toEqual([false, false])
    expect(await show([2, 3, 1])).toEqual([true, false, true])
    expect(await show([1], "mine")).toEqual([false])
    expect(await show([1], "mine")).toEqual([true])
    const shown = await shows.begin(["file 1"])
    expect(shown.known).toEqual([{ pieces: [2], grid: [1, 1] }])
    shown.end()
    expect([computed, cache.asked, cache.reused, cache.recalled]).toEqual([4, 8, 4, 4])
  })

  it("from a source that is not known, or that is no plain data, is prepared again", async () => {
    for (let i = 0; i < 2; i++) expect(await finish(await shows.begin([undefined]), [1])).toEqual([1])
    class Opaque {}
    for (let i = 0; i < 2; i++) {
      const shown = await shows.begin(["opaque"])
      expect(shown.known).toEqual([undefined])
      await shown.features([{ ...image(5), more: new Opaque() } as ImageInput])
      shown.end()
    }
  })

  it("counts within the limit, whatever is shown, and nothing is kept of none", async () => {
    begun(2000)
    for (let value = 0; value < 40; value++) {
      await show([value % 7, value])
      expect(cache.bytes).toBeLessThanOrEqual(2000)
    }
    expect(cache.evictions).toBeGreaterThan(0)
    expect(await show([39])).toEqual([true])
    expect(await show([20])).toEqual([false])
    // One picture by any number of names.
    for (let name = 0; name < 40; name++) await finish(await shows.begin([`name ${name}`]), [1])
    expect(cache.bytes).toBeLessThanOrEqual(2000)
    cache.clear()
    expect(cache.bytes).toBe(0)
    expect(await show([39])).toEqual([false])
    begun(0)
    for (let i = 0; i < 2; i++) expect(await show([1])).toEqual([false])
    expect(cache.bytes).toBe(0)
  })

  it("keeps the features that were found for whoever has begun, and leaves none behind", async () => {
    await show([1])
    for (let i = 0; i < 3; i++) {
      collect()
      await new Promise(setImmediate)
    }
    const before = memory()
    const [used, left] = [await shows.begin(["file 1"]), await shows.begin(["file 1"])]
    left.end()
    cache.clear()
    expect(await finish(used, [1])).toEqual([1])
    expect(computed).toBe(1)
    expect(memory().tensors).toBe(before.tensors - 1)
  })
})

describe("at the same time", () => {
  it("a picture is prepared once, and pictures in any order wait for no one for ever", async () => {
    const first = await shows.begin(["file 1", "file 2"])
    const later = [[2, 1], [1], [3, 2]].map((values) => show(values))
    await new Promise(setImmediate)
    await finish(first, [1, 2])
    expect(await Promise.all(later)).toEqual([[true, true], [true], [false, true]])
    expect(computed).toBe(3)
  })

  it("whoever waits goes on when the other gives up, or when it is aborted itself", async () => {
    const first = await shows.begin(["file 1"])
    const abort = new AbortController()
    const aborted = shows.begin(["file 1"], abort.signal)
    const waiting = show([1])
    abort.abort(new Error("enough"))
    await expect(aborted).rejects.toThrow("enough")
    first.end()
    expect(await waiting).toEqual([false])
  })
})
