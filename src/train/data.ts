/** From a data file to training batches. Everything random depends on (seed, step) only, so a run resumes bit-exactly. */

import { dirname } from "node:path"
import type { ModelConfig } from "../checkpoint/config.js"
import { JsonRecords } from "../data/json-array.js"
import { countWords, named, parseSample, recordParts, type Sample } from "../data/llava.js"
import { ofPicture } from "../data/picture-error.js"
import { type Random, randomFrom } from "../data/prng.js"
import {
  drawGroups,
  type ImageTasks,
  modalityLengthEpoch,
  shuffledEpoch,
  type TaskMixturePhase,
} from "../data/sampler.js"
import { messageOf, UserError } from "../errors.js"
import { type AugmentOptions, augment } from "../image/augment.js"
import { decodeImage, type RgbImage } from "../image/decode.js"
import type { ImageProcessor, PictureOptions } from "../models/architecture.js"
import type { MropePositions } from "../models/decoder/mrope-positions.js"
import type { ImageInput } from "../models/types.js"
import { requireImages } from "../models/vision/images.js"
import type { TrainingBatch, TrainingSample } from "../paradigms/batch.js"
import { type ChatFormat, encodeTraining, type Message } from "../text/conversation.js"
import { spanOf } from "../text/image-span.js"
import type { Tokenizer } from "../text/tokenizer/tokenizer.js"
import type { Encoded } from "../text/writer.js"
import { type AugmentConfig, chosenParadigm, type TrainingConfig } from "./recipe/config.js"
import { pictureOptions } from "./recipe/pictures.js"

/** Decoded pictures and encoded records are kept while they fit: small data sets are read once. */
const CACHE_BYTES = 256 * 2 ** 20
const CACHE_RECORDS = 1 << 14

function augmentOptions(config: AugmentConfig, mayFlip: boolean): AugmentOptions {
  const { scale, rotate_degrees, shift, shear, flip, hue_radians, saturation, brightness } = config
  return {
    scale,
    rotateDegrees: rotate_degrees,
    shift,
    shear,
    flip: mayFlip ? flip : 0,
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

/** Positions on three axes of a sequence that may be cut, or padded beyond what has some. */
const extended = ({ axes, delta }: MropePositions, length: number): TrainingSample["positions"] =>
  axes.map((axis) =>
    Int32Array.from({ length }, (_, i) => (i < axis.length ? axis[i] : i + delta)),
  ) as unknown as TrainingSample["positions"]

export class TrainingData {
  readonly #records: JsonRecords
  readonly #root: string
  readonly #groups: ImageTasks[] = []
  readonly #lengths: Int32Array | undefined
  readonly #pictures: PictureOptions
  readonly #taskMixture: readonly TaskMixturePhase[]
  readonly #images = new Map<string, RgbImage>()
  #imageBytes = 0
  readonly #encoded = new Map<number, EncodedSample>()
  #order: { epoch: number; samples: Int32Array } | undefined

  constructor(
    readonly config: TrainingConfig,
    readonly tokenizer: Tokenizer,
    readonly modelConfig: ModelConfig,
    readonly format: ChatFormat,
    readonly imageProcessor: ImageProcessor | undefined,
    indexFile?: string,
    /** Hash of the data file, which tells whether a kept index is its own. */
    content?: string,
  ) {
    this.#pictures = pictureOptions(config.data, imageProcessor)
    // A mark of the format that the tokenizer lacks, or a template that is not there, is no record's fault.
    this.#encode([
      { role: "user", content: "" },
      { role: "assistant", content: "" },
    ])
    this.#records = new JsonRecords(config.data.file, indexFile, content)
    this.#root = config.data.image_root ?? dirname(config.data.file)
    if (this.#records.length === 0) throw new UserError("the data file has no records", { where: config.data.file })
    if (config.data.sampler === "grouped") this.#groups = this.#groupByImage()
    this.#taskMixture = config.data.task_mixture ?? [{ until: 1, tasks: this.#allTasks() }]
    if (config.data.sampler === "modality-length") this.#lengths = this.#wordCounts()
  }

  /** Of the data file; no batch can be drawn afterwards. */
  close(): void {
    this.#records.close()
  }

  /**
   * Samples (with the `grouped` sampler: images) in one epoch. With `modality-length`, the last, mixed step is left
   * out when it is incomplete, as the authors do.
   */
  get size(): number {
    const { sampler } = this.config.data
    if (sampler === "grouped") return this.#groups.length
    const { micro_batch_size, accumulate } = this.config.train
    const step = micro_batch_size * accumulate
    const { length } = this.#records
    return sampler === "modality-length" && length >= step ? length - (length % step) : length
  }

  /**
   * The batch of one forward.
   * @param micro which forward of the optimizer step, 0 … accumulate − 1
   * @param progress part of the training that is done; decides the phase of a task mixture
   */
  async batch(step: number, micro: number, progress: number): Promise<TrainingBatch> {
    const { seed, micro_batch_size: size, accumulate } = this.config.train
    const forward = step * accumulate + micro
    const images: ImageInput[] = []
    const samples: TrainingSample[] = []
    if (this.config.data.sampler === "grouped") {
      const draws = drawGroups(this.#groups, {
        batch: size,
        step: forward,
        progress,
        seed,
        taskMixture: this.#taskMixture,
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

  /** @param shown images already prepared for this image, by path: its questions share them */
  async #sample(
    index: number,
    images: ImageInput[],
    random: Random,
    shown: Map<string, number>,
  ): Promise<TrainingSample> {
    const where = `${this.config.data.file}, record ${index}`
    const known = this.#encoded.get(index)
    const keys = this.format === "llada_plain" ? "plain" : "chat"
    const sample = known?.sample ?? parseSample(this.#records.read(index), where, this.#root, keys)
    try {
      const encoded = known?.encoded ?? this.#encode(sample.messages)
      if (!known && this.#encoded.size < CACHE_RECORDS) this.#encoded.set(index, { sample, encoded })
      const imageIndices: number[] = []
      for (const path of sample.images) imageIndices.push(await this.#image(path, sample, images, random, shown))
      const layout = this.#layOut(
        encoded,
        imageIndices.map((i) => images[i]),
      )
      const runs = layout.images.map((run) => ({ ...run, image: imageIndices[run.image] }))
      return { ...layout, images: runs, where }
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
    const { paradigm, section } = chosenParadigm(this.config)
    const options = { special: this.config.data.trusted, learn: paradigm.learn?.(section) }
    return encodeTraining(messages, this.tokenizer, this.format, options)
  }

  async #image(
    path: string,
    sample: Sample,
    images: ImageInput[],
    random: Random,
    shown: Map<string, number>,
  ): Promise<number> {
    const options = this.config.data.augment
    const { mixWith } = sample
    const mixes = options !== undefined && mixWith.length > 0 && random() < options.mixing.probability
    const known = shown.get(path)
    if (known !== undefined && !mixes) return known
    const processor = requireImages(this.imageProcessor)
    const picture = { ...this.#pictures, among: sample.images.length }
    let image = await ofPicture(path, async () => {
      const decoded = await this.#decode(path)
      processor.pieces(decoded, picture)
      return decoded
    })
    if (options) {
      const other = mixes ? mixWith[Math.floor(random() * mixWith.length)] : undefined
      const { weight } = options.mixing
      const mixed =
        other === undefined ? undefined : { image: await ofPicture(other, () => this.#decode(other)), weight }
      image = augment(image, augmentOptions(options, sample.augmentations.flip), random, mixed)
    }
    images.push(await processor.prepare(image, picture))
    if (!mixes) shown.set(path, images.length - 1)
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

  #layOut(encoded: Encoded, images: readonly ImageInput[]): Omit<TrainingSample, "where"> {
    const { paradigm, section } = chosenParadigm(this.config)
    const settings = {
      maxLength: this.config.data.max_length,
      imageSpans: images.map(({ pieces }) => spanOf(pieces, this.tokenizer)),
      config: this.modelConfig,
    }
    const arranged = paradigm.arrange?.(encoded, section, settings) ?? encoded
    const layout = paradigm.layOut(arranged, section, settings)
    const positions = this.imageProcessor?.positions?.(arranged.ids, images)
    return { ...layout, positions: positions && extended(positions, layout.ids.length) }
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

  #groupByImage(): ImageTasks[] {
    const groups = new Map<string, Map<string, number[]>>()
    for (let i = 0; i < this.#records.length; i++) {
      const { images, task = "" } = this.#parts(this.#records.read(i), i)
      if (images.length !== 1 || typeof task !== "string")
        throw new UserError("the `grouped` sampler needs one image per record, and a task that is a text if any", {
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
    return Object.fromEntries(this.#groups.flatMap((tasks) => [...tasks.keys()]).map((task) => [task, 1]))
  }
}
