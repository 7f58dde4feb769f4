/** Goes through a LLaVA-format file and names every bad record. Decodes images only through the function it is given. */

import { existsSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { messageOf, UserError } from "../errors.js"
import { type ChatFormat, encodeTraining } from "../text/conversation.js"
import type { Tokenizer } from "../text/tokenizer.js"
import { JsonRecords } from "./json-array.js"
import { parseSample, type Sample } from "./llava.js"

export interface CheckOptions {
  /** Folder that relative image paths start from. @default the folder of the data file */
  imageRoot?: string
  /** Counts the tokens of the conversations, and checks that the format's marks exist. */
  tokenizer?: Tokenizer
  /** @default "qwen_2_5" */
  format?: ChatFormat
  /** Records to check, from the first one. @default all */
  limit?: number
  /** Called once with each image file; what it throws makes the record bad. Without it files only have to exist. */
  decode?: (path: string) => Promise<unknown>
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
  /** With a tokenizer: ids of good conversations in all, one per image, and the longest one. */
  tokens?: { total: number; longest: number; longestIndex: number }
}

export type CheckEvent = DataProblem | { type: "progress"; done: number; total: number } | DataSummary

/** Records between two progress events. */
const PROGRESS_EVERY = 256

/**
 * Problems as they are found, progress now and then, and a summary as the last event. One problem per record: its first.
 * @throws UserError when the file itself cannot be read
 */
export async function* checkDataset(file: string, options: CheckOptions = {}): AsyncGenerator<CheckEvent, void> {
  const { imageRoot = dirname(file), tokenizer, format = "qwen_2_5", limit = Number.POSITIVE_INFINITY } = options
  const records = new JsonRecords(file)
  try {
    const total = Math.min(records.length, limit)
    const images = new ImageCheck(options.decode)
    const summary: DataSummary = {
      type: "summary",
      records: records.length,
      checked: total,
      bad: 0,
      textOnly: 0,
      multiImage: 0,
      images: 0,
      answers: 0,
      ...(tokenizer && { tokens: { total: 0, longest: 0, longestIndex: 0 } }),
    }
    for (let index = 0; index < total; index++) {
      const where = `${file}, record ${index}`
      try {
        const sample = parseSample(records.read(index), where, imageRoot)
        for (const path of [...sample.images, ...sample.mix]) await images.check(path)
        const tokens = tokenizer ? encodeTraining(sample.messages, tokenizer, format).ids.length : 0
        count(summary, sample, tokens, index)
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
  /** What is wrong with a file, or undefined. */
  readonly #known = new Map<string, string | undefined>()

  constructor(readonly decode?: (path: string) => Promise<unknown>) {}

  get files(): number {
    return this.#known.size
  }

  /** @throws UserError when the file is missing or cannot be decoded */
  async check(path: string): Promise<void> {
    if (!this.#known.has(path)) this.#known.set(path, await this.#problem(path))
    const problem = this.#known.get(path)
    if (problem !== undefined)
      throw new UserError(problem, { fix: "mend the path, give another image folder, or remove the record" })
  }

  async #problem(path: string): Promise<string | undefined> {
    if (!existsSync(path)) return `there is no image ${path}`
    if (!statSync(path).isFile()) return `the image ${path} is not a file`
    try {
      await this.decode?.(path)
    } catch (error) {
      const message = messageOf(error)
      return message.includes(path) ? message : `the image ${path} cannot be decoded: ${message}`
    }
    return undefined
  }
}
