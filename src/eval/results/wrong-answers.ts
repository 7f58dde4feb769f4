/** A bounded number of answers to look at: those that nothing could be read from first, then wrong ones. */

import { isObject } from "../../checkpoint/json.js"
import { mixSeeds } from "../../data/prng.js"
import { UserError } from "../../errors.js"
import type { Documents } from "../documents/documents.js"
import type { Doc, DocPicture, Task } from "../task/task.js"
import { type Choice, choicesOf } from "./choices.js"
import { creditOf } from "./credit.js"
import type { ScoredSample } from "./score-task.js"

export interface WrongAnswer {
  index: number
  context: string
  pictures: readonly DocPicture[]
  /** As it was decoded. */
  answer: string
  /** What was read from it, where the task says it. */
  read?: string
  /** What is right, as the samples' file writes it. */
  target: string
  /** Of tasks that are scored by likelihood. */
  choices?: readonly Choice[]
  /** Of each choice. */
  logLikelihoods?: readonly number[]
  unread: boolean
  /** Why there is no answer. */
  failed?: string
}

interface Kept {
  sample: ScoredSample
  /** Less of it stands first; 1 where nobody knows, as of descriptions. */
  credit: number
  order: number
}

export class WrongAnswers {
  readonly #task: Task
  readonly #most: number
  #kept: Kept[] = []

  constructor(task: Task, most = 12) {
    this.#task = task
    this.#most = most
  }

  add(sample: ScoredSample): void {
    const credit = creditOf(this.#task, sample.counted.values)
    const isRight = credit !== undefined && credit >= 1
    if (isRight && sample.counted.unread !== true && sample.answer.failed === undefined) return
    // Among equals by chance, the same each time: benchmarks are sorted by what they ask.
    this.#kept.push({ sample, credit: credit ?? 1, order: mixSeeds(sample.index, 17) })
    if (this.#kept.length > 4 * this.#most) this.#trim()
  }

  /** With their pictures, which are read now. */
  async shown(documents: Documents): Promise<WrongAnswer[]> {
    this.#trim()
    const shown: WrongAnswer[] = []
    for (const { sample } of this.#kept) {
      const { index, doc, answer, counted, text } = sample
      const asked = askedOf(this.#task, await documents.read(index, { pictures: this.#task.pictures }))
      const read = readOf(counted.values) ?? text
      const choices = choicesOf(this.#task, doc)
      const { likelihoods } = answer
      shown.push({
        index,
        ...asked,
        answer: answer.raw,
        ...(read.trim() !== answer.raw.trim() && { read }),
        target: plainText(this.#task.target(doc)),
        ...(choices && { choices }),
        ...(likelihoods && { logLikelihoods: likelihoods.map(({ logLikelihood }) => logLikelihood) }),
        unread: counted.unread === true,
        ...(answer.failed !== undefined && { failed: answer.failed }),
      })
    }
    return shown
  }

  #trim(): void {
    this.#kept.sort((a, b) => unreadFirst(a) - unreadFirst(b) || a.credit - b.credit || a.order - b.order)
    this.#kept = this.#kept.slice(0, this.#most)
  }
}

/** Of a document that could not be asked, what there is of it. */
function askedOf(task: Task, doc: Doc): Pick<WrongAnswer, "context" | "pictures"> {
  let context = ""
  try {
    const asked = task.ask(doc)
    context = asked.context
    return { context, pictures: asked.pictures }
  } catch (error) {
    if (error instanceof UserError) return { context, pictures: [] }
    throw error
  }
}

const unreadFirst = ({ sample: { counted, answer } }: Kept): number =>
  Number(counted.unread !== true && answer.failed === undefined)

/** Benchmarks record what they read under one of these names. */
function readOf(values: Readonly<Record<string, unknown>>): string | undefined {
  const [value] = Object.values(values).filter(isObject)
  const read = value?.parsed_pred ?? value?.pred
  return read === undefined ? undefined : plainText(read)
}

const plainText = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(plainText).join(" / ")
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "")
}
