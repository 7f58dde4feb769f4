/** Goes through a LLaVA-format file and names every bad record. Decodes images only through the function it is given. */

import { dirname } from "node:path"
import { messageOf, UserError } from "../errors.js"
import { requirePicture } from "../image/file.js"
import { readable } from "../readable.js"
import { type ChatFormat, type Encoded, encodeTraining, type LearnedTokens } from "../text/conversation.js"
import { type ImageSpan, spanLength } from "../text/image-span.js"
import { layOut } from "../text/layout.js"
import type { Tokenizer } from "../text/tokenizer/tokenizer.js"
import { JsonRecords } from "./json-array.js"
import { parseSample, type Sample } from "./llava.js"
import { ofPicture } from "./picture-error.js"

export interface CheckOptions {
  /** Folder that relative image paths start from. @default the folder of the data file */
  imageRoot?: string
  /** Counts the tokens of the conversations, and checks that the format's marks exist and something is left to learn. */
  tokenizer?: Tokenizer
  /** @default "qwen_2_5" */
  format?: ChatFormat
  /** @default "authors" */
  learn?: LearnedTokens
  /** Whether added tokens written in the records are tokens. @default true */
  trusted?: boolean
  /** Rows at which training cuts a sample. @default 8192 */
  maxLength?: number
  /** Records to check, from the first one. @default all */
  limit?: number
  /** Good records whose tokens are told, from the first one. Needs a tokenizer. @default 0 */
  show?: number
  /** Called once with each image file; what it throws makes the record bad. Without it files only have to exist. */
  decode?: (path: string) => Promise<unknown>
  /**
   * What an image file stands for in training, among so many of its record; what it throws makes the record bad. Without it
   * an image counts one.
   */
  imageSpan?: (path: string, among: number) => Promise<ImageSpan>
  /** What makes images take fewer tokens, for advice. */
  smaller?: string
}

export interface DataProblem {
  type: "problem"
  /** Record number, from 0. */
  index: number
  /** File and record. */
  where: string
  what: string
  fix?: string
}

export interface DataSummary {
  type: "summary"
  /** Records in the file, and how many of them were looked at. */
  records: number
  checked: number
  bad: number
  /** Good records without an image, and with several. */
  textOnly: number
  multiImage: number
  /** Different image files. */
  images: number
  /** Answers to learn from in good records. */
  answers: number
  /** With a tokenizer: tokens of good conversations in all, those of images included, and the longest one. */
  tokens?: { total: number; longest: number; longestIndex: number }
}

/** A record as training reads it. */
export interface CheckedSample {
  type: "sample"
  index: number
  /** One IMAGE per image. */
  ids: Int32Array
  /** IGNORE, or the id to be learned. */
  labels: Int32Array
}

export type CheckEvent = DataProblem | CheckedSample | { type: "progress"; done: number; total: number } | DataSummary

/** Records between two progress events. */
const PROGRESS_EVERY = 256

/**
 * Problems as they are found, progress now and then, and a summary as the last event. One problem per record: its first.
 * @throws UserError when the file itself cannot be read
 */
export async function* checkDataset(file: string, options: CheckOptions = {}): AsyncGenerator<CheckEvent, void> {
  const { imageRoot = dirname(file), format = "qwen_2_5", limit = Number.POSITIVE_INFINITY, show = 0 } = options
  const records = new JsonRecords(file)
  try {
    const total = Math.min(records.length, limit)
    const images = new ImageCheck(options)
    const summary: DataSummary = {
      type: "summary",
      records: records.length,
      checked: total,
      bad: 0,
      textOnly: 0,
      multiImage: 0,
      images: 0,
      answers: 0,
      ...(options.tokenizer && { tokens: { total: 0, longest: 0, longestIndex: 0 } }),
    }
    let shown = 0
    for (let index = 0; index < total; index++) {
      const where = `${file}, record ${index}`
      try {
        const keys = format === "llada_plain" ? "plain" : "chat"
        const sample = parseSample(records.read(index), where, imageRoot, keys)
        for (const path of sample.mixWith) await images.check(path, 1)
        const spans: ImageSpan[] = []
        for (const path of sample.images) spans.push(await images.check(path, sample.images.length))
        const encoded = encodeSample(sample, spans, options)
        const tokens = sum(spans.map(spanLength))
        count(summary, sample, encoded ? encoded.ids.length + tokens - spans.length : 0, index)
        if (encoded && shown++ < show) yield { type: "sample", index, ids: encoded.ids, labels: encoded.labels }
      } catch (error) {
        if (!(error instanceof UserError)) throw error
        summary.bad++
        yield { type: "problem", index, where: error.where ?? where, what: error.message, fix: error.fix }
      }
      if ((index + 1) % PROGRESS_EVERY === 0) yield { type: "progress", done: index + 1, total }
    }
    summary.images = images.files
    yield summary
  } finally {
    records.close()
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0)

/**
 * The sample as training reads it, before images take their rows and it is cut; undefined without a tokenizer.
 * @throws UserError when nothing of it would be left to learn
 */
function encodeSample(
  { messages }: Sample,
  spans: readonly ImageSpan[],
  { tokenizer, format = "qwen_2_5", learn, trusted = true, maxLength = 8192, smaller }: CheckOptions,
): Encoded | undefined {
  if (!tokenizer) return undefined
  const encoded = encodeTraining(messages, tokenizer, format, { special: trusted, learn })
  layOut(encoded, spans, { maxLength, smaller })
  return encoded
}

function count(summary: DataSummary, { messages, images }: Sample, tokens: number, index: number): void {
  if (images.length === 0) summary.textOnly++
  if (images.length > 1) summary.multiImage++
  summary.answers += messages.filter(({ role }) => role === "assistant").length
  if (!summary.tokens) return
  summary.tokens.total += tokens
  if (tokens > summary.tokens.longest) Object.assign(summary.tokens, { longest: tokens, longestIndex: index })
}

/** Looks at each image file once, however many records show it. */
class ImageCheck {
  /** What is wrong with a file, if anything. */
  readonly #looked = new Map<string, UserError | undefined>()
  /** What a file stands for, or why it cannot be prepared, among so many. */
  readonly #spans = new Map<string, ImageSpan | UserError>()

  constructor(readonly options: Pick<CheckOptions, "decode" | "imageSpan">) {}

  get files(): number {
    return this.#looked.size
  }

  /**
   * What the image stands for; one token where nobody asks.
   * @param among images of the record
   * @throws UserError when the file is missing or cannot be decoded
   */
  async check(path: string, among: number): Promise<ImageSpan> {
    const { decode, imageSpan } = this.options
    const looked = await once(this.#looked, path, () =>
      attempt(path, async () => {
        await requirePicture(path)
        await decode?.(path)
        return undefined
      }),
    )
    if (looked) throw looked
    if (!imageSpan) return 1
    const key = JSON.stringify([path, among])
    const span = await once(this.#spans, key, () => attempt(path, () => imageSpan(path, among)))
    if (span instanceof UserError) throw span
    return span
  }
}

/** A value of a map, made where it is not there. */
async function once<T>(known: Map<string, T>, key: string, make: () => Promise<T>): Promise<T> {
  if (!known.has(key)) known.set(key, await make())
  return known.get(key) as T
}

/** What work on an image gives, or why it cannot be done. */
async function attempt<T>(path: string, work: () => Promise<T>): Promise<T | UserError> {
  try {
    return await ofPicture(path, work)
  } catch (error) {
    if (error instanceof UserError) return error
    return new UserError(`the image ${readable(path, 200)} cannot be decoded: ${messageOf(error)}`, {
      fix: "mend the path, give another image folder, or remove the record",
      cause: error,
    })
  }
}
