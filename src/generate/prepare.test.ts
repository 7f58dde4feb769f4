/** Prompts with pictures: settings from wherever they stand, lengths before pixels, the same features in pieces. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { type SmallData, writeSmallVlm } from "../../test/support/small-vlm.js"
import { Executor } from "../execution/executor.js"
import type { RgbImage } from "../image/decode.js"
import type { Work } from "../in-turns.js"
import { saveModel } from "../models/save.js"
import type { ImageInput } from "../models/types.js"
import { imageProcessorOf } from "../models/vision/images.js"
import { imagePrompt, type Message } from "../text/conversation.js"
import { noGrad, setThreads, type Tensor } from "../torch/index.js"
import type { ImageSource } from "./image-source.js"
import { preparePrompt } from "./prepare.js"
import { loadSession, type Session } from "./session.js"

const root = mkdtempSync(join(tmpdir(), "prepare-"))
const flat = () => join(small.model, "preprocessor_config.json")
const nested = () => join(small.model, "processor_config.json")
const open = (folder: string): Session => loadSession(folder, { dtype: "float32", device: "cpu" })

let small: SmallData
let settings: Record<string, unknown>
beforeAll(async () => {
  setThreads(1)
  small = await writeSmallVlm(root)
  settings = JSON.parse(readFileSync(flat(), "utf8"))
  // Limits in config.json itself, which this model has, would go before those of the image processor.
  const { min_pixels, max_pixels, ...config } = JSON.parse(readFileSync(join(small.model, "config.json"), "utf8"))
  writeFileSync(join(small.model, "config.json"), JSON.stringify(config))
})
afterAll(() => rmSync(root, { recursive: true }))

const shown: Message[] = [{ role: "user", content: imagePrompt(1, "What colour is this?") }]
const picture = (width: number, height: number) => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7) % 256),
})

describe("image settings", () => {
  const size = { shortest_edge: 784, longest_edge: 56 * 84 }
  const rows = (session: Session) => session.images!.pieces({ width: 90, height: 60 })[0] as number

  it("nested ones decide, and a saved model has them", async () => {
    const { min_pixels, max_pixels, ...others } = settings
    writeFileSync(nested(), JSON.stringify({ image_processor: { ...others, size } }))
    rmSync(flat())
    const { model, config } = open(small.model)
    expect(rows(open(small.model))).toBe(6)
    const saved = join(root, "saved")
    await saveModel(saved, { config, parameters: model.parameters(), filesFrom: small.model })
    expect(readFileSync(join(saved, "processor_config.json"), "utf8")).toBe(readFileSync(nested(), "utf8"))
    expect(rows(open(saved))).toBe(6)
    const { ids } = await preparePrompt(open(saved), shown, [picture(90, 60)])
    writeFileSync(flat(), JSON.stringify(settings))
    rmSync(nested())
    const { length } = (await preparePrompt(open(small.model), shown, [picture(90, 60)])).ids
    expect(ids.length - length).toBe(6 - 2) // 56 × 84 pixels instead of 28 × 56
  })
})

describe("pictures", () => {
  it("are refused by the length they will have, before they are prepared", async () => {
    const session = open(small.model)
    session.images = imageProcessorOf(session.config, session.folder, { minPixels: 784, maxPixels: 1e8 })
    // Without any pixels: preparing it would be another error.
    const large = { width: 2800, height: 2800, data: new Uint8Array(0) }
    await expect(preparePrompt(session, shown, [large])).rejects.toThrow(
      `tokens, more than the model's ${session.config.text.maxPositions} positions`,
    )
  })

  it("are named when one of them is refused", async () => {
    const two: Message[] = [{ role: "user", content: imagePrompt(2, "Which?") }]
    await expect(preparePrompt(open(small.model), two, [picture(56, 56), picture(300, 1)])).rejects.toMatchObject({
      where: "image 2",
      message: expect.stringContaining("300 × 1: one side is more than 200 times the other"),
    })
  })

  it("give the features that they give at once", async () => {
    const session = open(small.model)
    session.images = imageProcessorOf(session.config, session.folder, { minPixels: 784, maxPixels: 50_000 })
    const pictures = [picture(200, 120), picture(30, 70)]
    const messages: Message[] = [{ role: "user", content: imagePrompt(2, "What colour is this?") }]
    const { features } = await preparePrompt(session, messages, pictures)
    const prepared = await Promise.all(pictures.map((one) => session.images!.prepare(one)))
    const atOnce = noGrad(() => session.model.encodeImages(prepared))
    expect(features!.map((one) => one.toArray())).toEqual(atOnce.map((one) => one.toArray()))
  })
})

describe("a picture that was shown", () => {
  const noise = (seed: number): Uint8Array => Uint8Array.from({ length: 90 * 60 * 3 }, (_, i) => (i * i * seed) % 251)
  const file = async (seed: number): Promise<Uint8Array> => {
    const raw = { width: 90, height: 60, channels: 3 } as const
    return new Uint8Array(await sharp(noise(seed), { raw }).withMetadata({ orientation: 6 }).png().toBuffer())
  }
  let session: Session
  let prepared: number
  beforeEach(() => {
    session = open(small.model)
    prepared = 0
    const processor = session.images!
    session.images = Object.create(processor, {
      prepare: {
        value: (...args: Parameters<typeof processor.prepare>) => {
          prepared++
          return processor.prepare(...args)
        },
      },
    })
  })
  const show = async (...images: ImageSource[]) => {
    const content = imagePrompt(images.length, "What colour is this?")
    const { features, featureNames, ...prompt } = await preparePrompt(session, [{ role: "user", content }], images)
    return { ...prompt, names: featureNames, features: features!.map((one) => one.toArray()) }
  }
  /** The same, by a session that knows nothing. */
  const apart = async (...images: ImageSource[]) => {
    const [own, before] = [session, prepared]
    session = { ...own, executor: new Executor(own.model, { prefixCache: { bytes: 0 } }) }
    const found = await show(...images)
    session = own
    prepared = before
    return found
  }

  it("is not prepared again, whatever form its bytes come in, and makes the same prompt", async () => {
    const [bytes, path] = [await file(7), join(root, "shown.png")]
    writeFileSync(path, bytes)
    const expected = await apart(bytes)
    for (const image of [bytes, path, Buffer.from(bytes), { bytes }]) expect(await show(image)).toEqual(expected)
    expect(prepared).toBe(1)
    const pixels = { width: 90, height: 60, data: noise(7) }
    for (const image of [pixels, { ...pixels, data: noise(7) }]) expect(await show(image)).toEqual(expected)
    expect(prepared).toBe(2)
    expect(session.executor.statistics().pictures).toMatchObject({ asked: 6, reused: 5, recalled: 4 })
  })

  it("is another one of another content, file behind the same path, shape, orientation, number or processor", async () => {
    const [bytes, path] = [await file(7), join(root, "changed.png")]
    writeFileSync(path, bytes)
    await show(path)
    writeFileSync(path, await file(11))
    const flat = { width: 90, height: 60, data: noise(7) }
    const high = { width: 60, height: 90, data: noise(7) }
    const images = [path, { bytes, upright: true }, { bytes, cut: true }, flat, high, { ...flat, data: noise(13) }]
    for (const [i, image] of images.entries()) {
      expect(await show(image)).toEqual(await apart(image))
      expect(prepared).toBe(2 + i)
    }
    expect(await show(bytes, bytes)).toEqual(await apart(bytes, bytes))
    const before = await show(bytes)
    session.images = imageProcessorOf(session.config, session.folder, { minPixels: 784, maxPixels: 56 * 84 })
    const other = await show(bytes)
    expect(other).toEqual(await apart(bytes))
    expect(other.ids.length).not.toBe(before.ids.length)
  })

  it("is what it was when it was given, whatever its buffer holds afterwards", async () => {
    for (const given of [await file(7), { width: 90, height: 60, data: noise(7) }]) {
      const held = given instanceof Uint8Array ? given : given.data
      const expected = await apart(given instanceof Uint8Array ? given.slice() : { ...given, data: given.data.slice() })
      const original = held.slice()
      const shown = show(given)
      held.fill(3, held.length / 2)
      expect(await shown).toEqual(expected)
      held.set(original)
      expect(await show(given)).toEqual(expected)
    }
  })

  it("by several requests at once is prepared for one of them, and again when that one fails", async () => {
    const bytes = await file(7)
    const expected = await apart(bytes)
    expect(await Promise.all([1, 2, 3].map(() => show(bytes)))).toEqual([expected, expected, expected])
    expect(prepared).toBe(1)
    const damaged = bytes.slice(0, 200)
    const failing = await Promise.allSettled([show(damaged), show(bytes, damaged), show(bytes)])
    expect(failing.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"])
  })

  it("is named in errors as its caller calls it", async () => {
    await expect(show({ bytes: Uint8Array.of(1, 2), name: "cat.png" })).rejects.toMatchObject({ where: "cat.png" })
  })
})

describe("an abort", () => {
  const enough = new Error("enough")

  it("is heard after a picture was resized", async () => {
    const session = open(small.model)
    const [abort, processor] = [new AbortController(), session.images!]
    session.images = Object.create(processor, {
      prepare: {
        value: async (image: RgbImage) => {
          const prepared = await processor.prepare(image)
          abort.abort(enough)
          return prepared
        },
      },
    })
    let encoded = 0
    const model = Object.create(session.model, { encodeImagesInPieces: { value: () => encoded++ } })
    const executor = new Executor(model)
    const prepared = preparePrompt({ ...session, model, executor }, shown, [picture(90, 60)], { signal: abort.signal })
    await expect(prepared).rejects.toThrow(enough)
    expect(encoded).toBe(0)
  })

  it("is heard between two pieces of the vision tower's work", async () => {
    const session = open(small.model)
    const abort = new AbortController()
    let pieces = 0
    const model = Object.create(session.model, {
      encodeImagesInPieces: {
        *value(images: readonly ImageInput[]): Work<Tensor[]> {
          for (const work = session.model.encodeImagesInPieces(images); ; pieces++) {
            const step = work.next()
            if (step.done) return step.value
            if (pieces === 0) setImmediate(() => abort.abort(enough))
            // As long as a piece of a large tower takes, so that the event loop turns after it on any machine.
            for (const until = performance.now() + 6; performance.now() < until; );
            yield
          }
        },
      },
    })
    const executor = new Executor(model)
    const prepare = (signal?: AbortSignal) =>
      preparePrompt({ ...session, model, executor }, shown, [picture(90, 60)], { signal })
    await expect(prepare(abort.signal)).rejects.toThrow(enough)
    const heardAfter = pieces
    await prepare()
    expect(heardAfter).toBeLessThan(pieces - heardAfter)
  })
})
