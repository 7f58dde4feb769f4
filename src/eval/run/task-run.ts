/** Answers the documents of a task that have no answer yet. Stopped at any moment, it goes on behind the answers that are kept. */

import { merged } from "../../generate/merged.js"
import type { LikelihoodBound } from "../../paradigms/paradigm.js"
import type { AnswerFile } from "../answer-file.js"
import type { Answerer } from "../answerer/answerer.js"
import { columnsWithoutPictures } from "../documents/columns-without-pictures.js"
import type { Documents } from "../documents/documents.js"
import type { Doc, Task } from "../task/task.js"
import { answerText, type CleaningRules } from "./answer-text.js"
import type { TaskGeneration } from "./generation.js"
import type { KeptAnswer } from "./kept-answer.js"
import { RunningScore } from "./running-score.js"
import { type Shard, selected } from "./selection.js"
import { askingOrder, type Surveyed, survey, surveyTexts } from "./survey.js"

export interface TaskRunOptions {
  /** The first so many documents. */
  first: number
  shard?: Shard
  generation: TaskGeneration
  /** Of likelihoods, for tasks that are scored by them. */
  bound?: LikelihoodBound
  rules: CleaningRules
  /** Documents that failed are asked again. @default those only whose trouble may pass by itself */
  retryFailed?: boolean
  /** What tells which pictures documents show (`dataHash`). @default they are looked at */
  data?: string
}

export interface AnswerOptions {
  /** Answers that are decoded at the same time. */
  concurrent: number
  /** Answers that are asked for now. @default all that are missing */
  most?: number
  signal?: AbortSignal
  onAnswer?: (answer: KeptAnswer) => void
}

export class TaskRun {
  readonly score: RunningScore
  /** Documents of this run, and those of them without an answer, in the order in which they will be asked. */
  total = 0
  missing: Surveyed[] = []

  constructor(
    readonly task: Task,
    readonly documents: Documents,
    readonly file: AnswerFile<KeptAnswer>,
    readonly options: TaskRunOptions,
  ) {
    this.score = new RunningScore(task)
  }

  /**
   * Finds out which documents have no answer to what they ask now.
   * @param onDocument told how many were looked at
   */
  async survey(signal?: AbortSignal, onDocument?: (done: number) => void): Promise<void> {
    const { data, ...part } = this.options
    const known = new Set<number>()
    this.total = selected(part.first, part.shard).length
    const columns = this.file.answers.size > 0 ? await columnsWithoutPictures(this.documents) : undefined
    if (columns && data !== undefined) {
      const picturesOf = (index: number) => this.file.find(index, (kept) => kept.data === data)?.pictures
      const texts = surveyTexts(this.task, this.documents, { ...part, signal, columns }, picturesOf)
      for await (const { index, doc, asked } of texts) {
        if (!this.#isKnown(index, asked, doc)) continue
        known.add(index)
        onDocument?.(known.size)
      }
    }
    const unknown: Surveyed[] = []
    let done = known.size
    for await (const { doc, surveyed } of survey(this.task, this.documents, { ...part, signal, except: known })) {
      const { index, asked } = surveyed
      if (!this.#isKnown(index, asked, doc)) {
        unknown.push(surveyed)
        // To something else; whoever scores must not take it for this document's.
        if (this.file.answers.has(index) && this.file.answers.get(index)?.asked !== asked) this.file.forget(index)
      }
      onDocument?.(++done)
    }
    this.missing = askingOrder(unknown)
  }

  #isKnown(index: number, asked: string, doc: Doc): boolean {
    const kept = this.file.recall(index, (answer) => answer.asked === asked)
    if (!kept || this.#isAskedAgain(kept)) return false
    this.score.add(doc, kept)
    return true
  }

  #isAskedAgain = ({ failed, transient = false }: KeptAnswer): boolean =>
    failed !== undefined && (transient || this.options.retryFailed === true)

  /** What is known of this run's documents, in their order. */
  get answers(): ReadonlyMap<number, KeptAnswer> {
    const { first, shard } = this.options
    const known = selected(first, shard).map((index) => [index, this.file.answers.get(index)] as const)
    return new Map(known.filter((entry): entry is [number, KeptAnswer] => entry[1] !== undefined))
  }

  /** Documents that could not be asked or answered. */
  get failures(): KeptAnswer[] {
    return [...this.answers.values()].filter(({ failed }) => failed !== undefined)
  }

  /** Asks the first document that can be asked, and keeps nothing. */
  async warmUp(answerer: Answerer, signal = new AbortController().signal): Promise<void> {
    const first = this.missing.find(({ failed }) => failed === undefined)
    if (first) await this.#answered(answerer, first, signal)
  }

  /**
   * Documents are read when their turn comes.
   * @throws what the answerer throws, when nothing can be answered any more; the reason of `signal` when it is aborted
   */
  async answer(answerer: Answerer, { concurrent, most, signal, onAnswer }: AnswerOptions): Promise<void> {
    const asked = this.missing.slice(0, most)
    const stop = new AbortController()
    const signals = AbortSignal.any([stop.signal, ...(signal ? [signal] : [])])
    const one = async function* (this: TaskRun, index: number) {
      yield await this.#answered(answerer, asked[index], signals)
    }
    let last = performance.now()
    const answered = new Set<number>()
    for await (const event of merged(asked.length, concurrent, one.bind(this))) {
      try {
        if ("error" in event) throw event.error
        const now = performance.now()
        const { doc, answer } = event.value
        const kept = { ...answer, seconds: (now - last) / 1000 }
        last = now
        this.file.add(kept)
        answered.add(kept.index)
        this.score.add(doc, kept)
        onAnswer?.(kept)
        signal?.throwIfAborted()
      } catch (error) {
        // Those under way are not waited for.
        stop.abort(error)
        this.missing = this.missing.filter(({ index }) => !answered.has(index))
        throw error
      }
    }
    this.missing = this.missing.slice(asked.length)
  }

  async #answered(answerer: Answerer, { index, asked, pictures, failed }: Surveyed, signal: AbortSignal) {
    const doc = await this.documents.read(index, { pictures: this.task.pictures })
    const { generation, rules, bound, data } = this.options
    const seen = data !== undefined && pictures !== "" && this.documents.contained && { pictures, data }
    const { decoding } = generation
    const reply =
      failed === undefined ? await answerer.answer(this.task.ask(doc), { decoding, bound, signal }) : { failed }
    const nothing = { raw: "", tokens: 0, forwards: 0, ended: false }
    const found = "failed" in reply ? { ...nothing, ...reply } : reply
    const { raw, ...rest } = found
    const answer: Omit<KeptAnswer, "seconds"> = { index, asked, ...seen, raw, text: answerText(raw, rules), ...rest }
    return { doc, answer }
  }
}
