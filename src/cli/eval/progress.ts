/** The progress of an evaluation: a moving line for each task, with its score so far, speed and forwards. */

import type { Observer, RunningTask } from "../../eval/run/evaluate.js"
import type { KeptAnswer } from "../../eval/run/kept-answer.js"
import type { OpenTask } from "../../eval/run/open-tasks.js"
import { TimeLeft } from "../../eval/time-left.js"
import { formatCount } from "../ui/format.js"
import { PartProgress } from "../ui/parts.js"
import type { ProgressOptions } from "../ui/progress.js"

/** Seconds between lines where there is no terminal. */
const PLAIN_EVERY = 60
/** A look at documents that is shorter than this is not worth a line. */
const LONG_MS = 1000

export class EvaluationProgress implements Observer {
  readonly #parts: PartProgress
  #waits = { line: "", until: 0 }
  readonly #now: () => number
  /** Of `reproduce`, which asks several. */
  #model = ""
  #looked: { task: OpenTask; since: number } | undefined
  #left: TimeLeft | undefined
  #of: RunningTask | undefined
  #sum = { answers: 0, tokens: 0, forwards: 0, seconds: 0 }

  constructor(options: ProgressOptions = {}) {
    this.#parts = new PartProgress({ plainEvery: PLAIN_EVERY, ...options })
    this.#now = options.now ?? (() => performance.now())
  }

  /** What is told from now on is of this model. */
  asks(model: string): void {
    this.#parts.end(this.#looked && "")
    this.#looked = undefined
    this.#model = `${model} · `
  }

  /** Said only where it takes long, and nothing stays of it. */
  surveyed(open: OpenTask, done: number, total: number): void {
    const now = this.#now()
    if (open !== this.#looked?.task) {
      this.#parts.end(this.#looked && "")
      this.#looked = { task: open, since: now }
    }
    if (now - this.#looked.since < LONG_MS) return
    this.#parts.update(`${this.#model}${open.task.name} · looking at the documents`, done, total)
  }

  begun(missing: number, total: number): void {
    this.#parts.end(this.#looked && "")
    this.#looked = undefined
    this.#left = new TimeLeft({ answers: missing })
    const known = total - missing
    if (known > 0) this.#parts.note(`${known} of ${total} answers are known`)
  }

  answered(run: RunningTask, { tokens, forwards, seconds }: KeptAnswer): void {
    if (run !== this.#of) {
      this.#of = run
      this.#sum = { answers: 0, tokens: 0, forwards: 0, seconds: 0 }
    }
    const sum = this.#sum
    sum.answers++
    sum.tokens += tokens
    sum.forwards += forwards
    sum.seconds += seconds
    this.#left?.add("answers", 1, seconds)
    const done = run.total - run.missing.length + sum.answers
    const part = `${this.#model}${run.task.name}`
    this.#parts.update(part, done, run.total, this.#facts(run, done), this.#left?.seconds)
  }

  /** Several requests that wait for the same say it once. */
  waiting(reason: string, seconds: number): void {
    const line = `${reason}; trying again in ${Math.ceil(seconds)} s`
    const now = performance.now()
    if (line !== this.#waits.line || now > this.#waits.until) this.#parts.note(line)
    this.#waits = { line, until: now + 1000 * seconds }
  }

  /** Whatever it was doing: what is known is kept. */
  stopped(): void {
    this.#parts.note("stopped; the same command goes on from here")
  }

  /** Ends the moving line, where there is one. */
  end(): void {
    this.#parts.end()
  }

  #facts(run: RunningTask, done: number): string[] {
    const { tokens, forwards, seconds } = this.#sum
    const score = run.score.value
    return [
      `${done} of ${run.total}`,
      ...(score === undefined ? [] : [`score ${(100 * score).toFixed(1)} %`]),
      ...(seconds > 0 ? [`${formatCount(Math.round(tokens / seconds))} tokens/s`] : []),
      ...(forwards > 0 ? [`${(forwards / Math.max(1, tokens)).toFixed(2)} forwards per token`] : []),
    ]
  }
}
