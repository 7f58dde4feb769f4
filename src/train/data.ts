/** From a data file to training batches. Everything random depends on (seed, step) only, so a run resumes bit-exactly. */

import { dirname } from "node:path"
import { endToken, type ModelConfig } from "../checkpoint/config.js"
import { JsonRecords } from "../data/json-array.js"
import { countWords, named, parseSample, recordParts, type Sample } from "../data/llava.js"
import { type Random, randomFrom } from "../data/prng.js"
import {
  drawPictures,
  type MixturePhase,
  modalityLengthEpoch,
  type PictureTasks,
  shuffledEpoch,
} from "../data/sampler.js"
import { messageOf, UserError } from "../errors.js"
import { type AugmentOptions, augment } from "../image/augment.js"
import { decodeImage, type RgbImage } from "../image/decode.js"
import type { ImageProcessor } from "../models/architecture.js"
import { chatFormatOf } from "../models/chat-format.js"
import { requireImages } from "../models/images.js"
import type { ImageInput } from "../models/types.js"
import type { TrainingBatch, TrainingSample } from "../paradigms/batch.js"
import { encodeTraining, type Message } from "../text/conversation.js"
import { layOut } from "../text/layout.js"
import type { Tokenizer } from "../text/tokenizer.js"
import type { Encoded } from "../text/writer.js"
import type { AugmentConfig, TrainingConfig } from "./config.js"

/** Decoded pictures and encoded records are kept while they fit: small data sets are read once. */
const CACHE_BYTES = 256 * 2 ** 20
const CACHE_RECORDS = 1 << 14

function augmentOptions(config: AugmentConfig, mirror: boolean): AugmentOptions {
  const { scale, rotate_degrees, shift, shear, flip, hue_radians, saturation, brightness } = config
  return {
    scale,
    rotateDegrees: rotate_degrees,
    shift,
    shear,
    flip: mirror ? flip : 0,
    hueRadians: hue_radians,
    saturation,
    brightness,
  }
}

/** A record as the tokenizer leaves it: before its pictures are known. */
interface EncodedSample {
  sample: Sample
  encoded: Encoded
}

export class TrainingData {
  readonly #records: JsonRecords
  readonly #root: string
  readonly #pictures: PictureTasks[] = []
  readonly #lengths: Int32Array | undefined
  readonly #mixture: readonly MixturePhase[]
  readonly #images = new Map<string, RgbImage>()
  #imageBytes = 0
  readonly #encoded = new Map<number, EncodedSample>()
  #order: { epoch: number; samples: Int32Array } | undefined

  constructor(
    readonly config: TrainingConfig,
    readonly tokenizer: Tokenizer,
    readonly modelConfig: ModelConfig,
    readonly imageProcessor: ImageProcessor | undefined,
    indexFile?: string,
    /** Hash of the data file, which tells whether a kept index is its own. */
    content?: string,
  ) {
    // A mark of the format that the tokenizer lacks is no record's fault.
    this.#encode([
      { role: "user", content: "" },
      { role: "assistant", content: "" },
    ])
    this.#records = new JsonRecords(config.data.file, indexFile, content)
    this.#root = config.data.image_root ?? dirname(config.data.file)
    if (this.#records.length === 0) throw new UserError("the data file has no records", { where: config.data.file })
    if (config.data.sampler === "pictures") this.#pictures = this.#groupByPicture()
    this.#mixture = config.data.mixture ?? [{ until: 1, tasks: this.#allTasks() }]
    if (config.data.sampler === "modality-length") this.#lengths = this.#wordCounts()
  }

  /**
   * Samples (with the `pictures` sampler: pictures) in one epoch. With `modality-length`, the last, mixed step is left
   * out when it is incomplete, as the authors do.
   */
  get size(): number {
    const { sampler } = this.config.data
    if (sampler === "pictures") return this.#pictures.length
    const { micro_batch_size, accumulate } = this.config.train
    const step = micro_batch_size * accumulate
    const { length } = this.#records
    return sampler === "modality-length" && length >= step ? length - (length % step) : length
  }

  /**
   * The batch of one forward.
   * @param micro which forward of the optimizer step, 0 … accumulate − 1
   * @param progress part of the training that is done; decides the phase of a mixture
   */
  async batch(step: number, micro: number, progress: number): Promise<TrainingBatch> {
    const { seed, micro_batch_size: size, accumulate } = this.config.train
    const forward = step * accumulate + micro
    const images: ImageInput[] = []
    const samples: TrainingSample[] = []
    if (this.config.data.sampler === "pictures") {
      const draws = drawPictures(this.#pictures, {
        batch: size,
        step: forward,
        progress,
        seed,
        mixture: this.#mixture,
        orderOf: (epoch) => this.#epochOrder(epoch),
      })
      for (const [i, { records }] of draws.entries()) {
        const random = randomFrom(seed, forward, i, 2)
        const shown = new Map<string, number>()
        for (const index of records) samples.push(await this.#sample(index, images, random, shown))
      }
    } else {
      for (let i = 0; i < size; i++) {
        const position = forward * size + i
        const order = this.#epochOrder(Math.floor(position / this.size))
        const random = randomFrom(seed, forward, i, 2)
        samples.push(await this.#sample(order[position % this.size], images, random, new Map()))
      }
    }
    return { samples, images }
  }

  /** @param shown images already prepared for this picture, by path: its questions share them */
  async #sample(
    index: number,
    images: ImageInput[],
    random: Random,
    shown: Map<string, number>,
  ): Promise<TrainingSample> {
    const where = `${this.config.data.file}, record ${index}`
    const known = this.#encoded.get(index)
    const sample = known?.sample ?? parseSample(this.#records.read(index), where, this.#root)
    try {
      const encoded = known?.encoded ?? this.#encode(sample.messages)
      if (!known && this.#encoded.size < CACHE_RECORDS) this.#encoded.set(index, { sample, encoded })
      const imageIndices: number[] = []
      for (const path of sample.images) imageIndices.push(await this.#image(path, sample, images, random, shown))
      const layout = this.#layOut(
        encoded,
        imageIndices.map((i) => images[i]),
      )
      return { ...layout, imageIndices, where }
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      throw new UserError(`${messageOf(error)}`, {
        where,
        fix: "mend or remove the record; `diffusionvl data check` lists all bad ones",
        cause: error,
      })
    }
  }

  #encode(messages: readonly Message[]): Encoded {
    const { paradigm, block_diffusion, data } = this.config
    const special = data.trusted
    const learn = paradigm === "block-diffusion" ? block_diffusion.learn : undefined
    return encodeTraining(messages, this.tokenizer, chatFormatOf(this.modelConfig), { special, learn })
  }

  async #image(
    path: string,
    sample: Sample,
    images: ImageInput[],
    random: Random,
    shown: Map<string, number>,
  ): Promise<number> {
    const options = this.config.data.augment
    const overlaid = options !== undefined && sample.mix.length > 0 && random() < options.overlay
    const known = shown.get(path)
    if (known !== undefined && !overlaid) return known
    let image = await this.#decode(path)
    const processor = requireImages(this.imageProcessor)
    const pad = this.config.data.image_aspect === "pad"
    processor.rows(image.width, image.height, pad)
    if (options) {
      const overlay = overlaid ? await this.#decode(sample.mix[Math.floor(random() * sample.mix.length)]) : undefined
      image = augment(image, augmentOptions(options, sample.mirror), random, overlay)
    }
    images.push(await processor.prepare(image, pad))
    if (!overlaid) shown.set(path, images.length - 1)
    return images.length - 1
  }

  async #decode(path: string): Promise<RgbImage> {
    const known = this.#images.get(path)
    if (known) return known
    const image = await decodeImage(path)
    if (this.#imageBytes + image.data.length <= CACHE_BYTES) {
      this.#images.set(path, image)
      this.#imageBytes += image.data.length
    }
    return image
  }

  #layOut(encoded: Encoded, images: readonly ImageInput[]): Omit<TrainingSample, "imageIndices" | "where"> {
    const { paradigm, data, block_diffusion } = this.config
    const rows = images.map((image) => image.rows)
    if (paradigm === "block-diffusion") {
      const blocks = { size: block_diffusion.block_size, eos: endToken(this.modelConfig) }
      return layOut(encoded, rows, { maxLength: data.max_length, blocks })
    }
    const positions = this.imageProcessor?.positions?.(encoded.ids, images)
    return { ...layOut(encoded, rows, { maxLength: data.max_length }), positions: positions?.axes }
  }

  #epochOrder(epoch: number): Int32Array {
    if (this.#order?.epoch !== epoch) {
      const { seed, micro_batch_size, accumulate } = this.config.train
      const samples = this.#lengths
        ? modalityLengthEpoch(this.#lengths, micro_batch_size * accumulate, seed, epoch)
        : shuffledEpoch(this.size, seed, epoch)
      this.#order = { epoch, samples }
    }
    return this.#order.samples
  }

  /** Words of all turns, negative for text-only samples: the length the modality sampler sorts by. */
  #wordCounts(): Int32Array {
    return Int32Array.from({ length: this.#records.length }, (_, i) => {
      const record = this.#records.read(i)
      const words = countWords(record)
      return this.#parts(record, i).images.length === 0 ? -Math.max(1, words) : words
    })
  }

  #groupByPicture(): PictureTasks[] {
    const groups = new Map<string, Map<string, number[]>>()
    for (let i = 0; i < this.#records.length; i++) {
      const { images, task = "" } = this.#parts(this.#records.read(i), i)
      if (images.length !== 1 || typeof task !== "string")
        throw new UserError("the `pictures` sampler needs one image per record, and a task that is a text if any", {
          where: `${this.config.data.file}, record ${i}`,
        })
      const tasks = groups.get(images[0]) ?? new Map<string, number[]>()
      const records = tasks.get(task) ?? []
      records.push(i)
      groups.set(images[0], tasks.set(task, records))
    }
    return [...groups.values()]
  }

  #parts(record: unknown, index: number): ReturnType<typeof recordParts> {
    return named(`${this.config.data.file}, record ${index}`, () => recordParts(record))
  }

  #allTasks(): Record<string, number> {
    return Object.fromEntries(this.#pictures.flatMap((tasks) => [...tasks.keys()]).map((task) => [task, 1]))
  }
}
