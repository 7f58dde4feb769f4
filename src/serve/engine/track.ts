/** An answer while it is decoded, as a client sees it: final text, the block under way, and what became final. Knows no model. */

import type { StepWithLogProbabilities } from "../../paradigms/log-probabilities.js"
import { TextStream } from "../../text/tokenizer/text-stream.js"
import type { Tokenizer } from "../../text/tokenizer/tokenizer.js"
import type { AnswerEvent, CommittedToken, DraftToken, EndReason, TokenLogProbability } from "../request.js"
import { StopFilter } from "./stop-filter.js"
import { tokenText } from "./token-texts.js"

export interface TrackOptions {
  /** Which of several answers it is. */
  index: number
  promptTokens: number
  /** Tokens of the answer at most; more may be decoded, to the end of a block. */
  most: number
  eos: readonly number[]
  maskToken: number | undefined
  stop: readonly string[]
  /** Whether drafts and commits are told. */
  progress: boolean
}

/** A token that is final. */
interface Known {
  id: number
  confidence: number
  logs?: TokenLogProbability
}

type Told = Exclude<AnswerEvent, { type: "started" | "finished" }>

export class AnswerTrack {
  readonly #tokenizer: Tokenizer
  readonly #options: TrackOptions
  readonly #stream: TextStream
  readonly #filter: StopFilter
  /** By position in the answer. */
  readonly #known: (Known | undefined)[] = []
  /** Where the text of each token that was streamed begins, in characters of the whole text. */
  readonly #starts: number[] = []
  /** Characters of all streamed tokens, and of those given out. */
  #written = 0
  #given = 0
  /** Tokens whose log-probabilities were given out. */
  #listed = 0
  /** Tokens that were committed, and the text since. */
  #committed = 0
  #sinceCommit = ""
  #firstBlock: number | undefined

  constructor(tokenizer: Tokenizer, options: TrackOptions) {
    this.#tokenizer = tokenizer
    this.#options = options
    this.#stream = new TextStream(tokenizer)
    this.#filter = new StopFilter(options.stop)
  }

  /** The text before which the answer ended: nothing behind it needs to be decoded. */
  get stopped(): string | undefined {
    return this.#filter.stopped
  }

  /** Tokens of the answer so far, its end not counted. */
  get tokens(): number {
    return this.#starts.length
  }

  /** Tokens of which the whole text was given out. */
  get given(): number {
    const held = this.#starts.findIndex((start) => start >= this.#given)
    const within = held < 0 ? this.#starts.length : held
    // The last of them may be given out in part.
    return this.#given < this.#written ? Math.max(0, within - 1) : within
  }

  /** Takes in a step: what it made final, and how its block looks now. */
  *step(event: StepWithLogProbabilities): Generator<Told> {
    this.#take(event)
    const text = this.#advance()
    yield* this.#text(text)
    if (!this.#options.progress) return
    const draft = this.#draft(event)
    // A token that is a block of its own was never hidden.
    if (draft && this.#options.maskToken !== undefined) {
      const end = Math.max(draft.start, Math.min(draft.end, this.#end()))
      yield { ...draft, end, tokens: draft.tokens.slice(0, end - draft.start) }
    }
    if (draft && this.#isKnown(draft.start, draft.end)) yield* this.#commit(draft.end)
  }

  /**
   * The rest of the answer.
   * @param ids of the whole answer, without its end; the mask where nothing was decided
   */
  *finish(ids: Int32Array): Generator<Told> {
    const rest = ids.subarray(0, this.#options.most)
    let text = ""
    while (this.#starts.length < rest.length && this.stopped === undefined)
      text += this.#push(rest[this.#starts.length])
    if (this.stopped === undefined) {
      const waiting = this.#stream.finish()
      this.#written += waiting.length
      text += this.#filter.push(waiting) + this.#filter.finish()
    }
    yield* this.#text(text, true)
    if (this.#options.progress) yield* this.#commit(this.#starts.length)
  }

  /** @param ended whether an end of the answer was decoded within its limit */
  reason(ended: boolean): EndReason {
    return this.stopped !== undefined ? "stop" : ended ? "end" : "length"
  }

  #take({ positions, ids, confidences, fixed, logProbabilities: logs }: StepWithLogProbabilities): void {
    const { promptTokens, most, maskToken } = this.#options
    const isFixed = new Set(fixed)
    for (const [i, row] of positions.entries()) {
      const position = row - promptTokens
      if (!isFixed.has(row) || ids[i] === maskToken || position >= most) continue
      this.#known[position] = {
        id: ids[i],
        confidence: rounded(confidences[i]),
        ...(logs && {
          logs: {
            token: tokenText(this.#tokenizer, ids[i]),
            logProbability: rounded(logs.chosen[i]),
            top: topOf(logs.topIds, logs.top, i, positions.length, this.#tokenizer),
          },
        }),
      }
    }
  }

  /** Text of the tokens that are final now, with everything before them. */
  #advance(): string {
    let text = ""
    for (;;) {
      const next = this.#known[this.#starts.length]
      if (next === undefined || this.#isEnd(next.id) || this.stopped !== undefined) return text
      text += this.#push(next.id)
    }
  }

  #push(id: number): string {
    this.#starts.push(this.#written)
    const text = this.#stream.push(id)
    this.#written += text.length
    return this.#filter.push(text)
  }

  /** @param isLast whether nothing comes behind it: tokens without a text are listed too */
  *#text(text: string, isLast = false): Generator<Told> {
    this.#given += text.length
    this.#sinceCommit += text
    const tokens: TokenLogProbability[] = []
    const end = Math.min(this.#starts.length, this.#end())
    for (; this.#listed < end && (isLast || this.#starts[this.#listed] < this.#given); this.#listed++) {
      const logs = this.#known[this.#listed]?.logs
      if (logs) tokens.push(logs)
    }
    if (text === "" && tokens.length === 0) return
    yield { type: "text", index: this.#options.index, text, ...(tokens.length > 0 && { tokens }) }
  }

  /** The position at which a stop text ended the answer: behind it there is none. */
  #end(): number {
    if (this.stopped === undefined) return Number.POSITIVE_INFINITY
    const end = this.#starts.findIndex((start) => start >= this.#given)
    return end < 0 ? this.#starts.length : end
  }

  #draft(event: StepWithLogProbabilities): Extract<Told, { type: "draft" }> | undefined {
    const { promptTokens, most, maskToken, index } = this.#options
    const start = Math.max(0, event.start - promptTokens)
    const end = Math.min(event.end - promptTokens, most)
    if (start >= end) return undefined
    const candidates = new Map(Array.from(event.positions, (row, i) => [row - promptTokens, i]))
    const tokens = Array.from({ length: end - start }, (_, i): DraftToken => {
      const position = start + i
      const known = this.#known[position]
      if (known) return { ...this.#shown(position, known), fixed: true }
      const at = candidates.get(position)
      if (at === undefined || event.ids[at] === maskToken)
        return { position, text: null, confidence: null, fixed: false }
      return {
        ...this.#shown(position, { id: event.ids[at], confidence: rounded(event.confidences[at]) }),
        fixed: false,
      }
    })
    this.#firstBlock ??= event.block
    const { forward } = event
    return {
      type: "draft",
      index,
      block: event.block - this.#firstBlock,
      step: event.step,
      start,
      end,
      tokens,
      ...(forward && { forward: { tokens: forward.tokens, cached: forward.cached } }),
    }
  }

  /** Everything before `end` that is part of the answer. */
  *#commit(end: number): Generator<Told> {
    const start = this.#committed
    const last = Math.min(end, this.#starts.length)
    if (last <= start && this.#sinceCommit === "") return
    const tokens: CommittedToken[] = []
    for (let position = start; position < Math.min(last, this.#end()); position++) {
      const known = this.#known[position]
      if (known) tokens.push(this.#shown(position, known))
    }
    const text = this.#sinceCommit
    this.#committed = Math.max(start, last)
    this.#sinceCommit = ""
    yield { type: "commit", index: this.#options.index, start, end: this.#committed, text, tokens }
  }

  #shown(position: number, { id, confidence }: Known): CommittedToken {
    return { position, text: tokenText(this.#tokenizer, id), confidence }
  }

  /** Whether all of a block is final, or its answer has ended in it. */
  #isKnown(start: number, end: number): boolean {
    for (let position = start; position < end; position++) {
      const known = this.#known[position]
      if (!known) return false
      if (this.#isEnd(known.id)) return true
    }
    return true
  }

  #isEnd(id: number): boolean {
    return this.#options.eos.includes(id)
  }
}

function topOf(ids: Int32Array, values: Float32Array, row: number, rows: number, tokenizer: Tokenizer) {
  const k = ids.length / rows
  return Array.from({ length: k }, (_, j) => ({
    token: tokenText(tokenizer, ids[row * k + j]),
    logProbability: rounded(values[row * k + j]),
  }))
}

/** As many digits as float32 has: more would only be bytes on the wire. */
const rounded = (value: number): number => Number(value.toPrecision(6))
