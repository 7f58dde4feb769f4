/** What must be computed to know how likely given answers are: rows, who sees whom, and which row predicts which token. Plain data. */

import type { Interval, Span } from "../../nn/attention-pattern.js"

/** A token whose log-probability counts. */
export interface PredictedToken {
  answer: number
  /** The row that predicts it. */
  row: number
  token: number
  /** Factor of its log-probability. @default 1 */
  weight?: number
  /** Which of the plan's samples it counts in. @default all of them */
  sample?: number
}

/** The first tokens of a prompt, whose keys and values do not depend on what stands behind them: other prompts that begin so share them. */
export interface PromptBeginning {
  /** Whole blocks. */
  tokens: number
  /** Tokens that see one another; 1: each sees those before it only. */
  blockSize: number
}

/** Rows of one forward, behind those of the prompt's beginning, which are counted first. */
export class PlannedRows {
  readonly ids: number[] = []
  readonly positions: number[] = []
  readonly spans: Span[] = []
  readonly predicted: PredictedToken[] = []
  readonly #beginning: number

  /** @param beginning rows before these */
  constructor(beginning: number) {
    this.#beginning = beginning
  }

  /** Rows so far, those of the beginning among them: the number of the next one. */
  get length(): number {
    return this.#beginning + this.ids.length
  }

  /** Row `position` of the prompt. */
  addPrompt(position: number): void {
    this.addToken(0, position)
  }
  /** A token behind the prompt. */
  addToken(id: number, position: number): void {
    this.ids.push(id)
    this.positions.push(position)
  }
  /** Rows see keys, both counted from the beginning's first row. Every row sees something; rows come in order. */
  see(rows: Interval, ...keys: Interval[]): void {
    this.spans.push({ queries: rows, keys: keys.filter(([from, to]) => to > from) })
  }
  predict(token: PredictedToken): void {
    this.predicted.push(token)
  }
}

/** Rows behind the beginning in a forward; what must be seen together is never cut. */
const MOST_ROWS = 2048

export interface LikelihoodPlanOptions {
  answers: number
  /** @default nothing: each forward holds all that it needs of the prompt */
  beginning?: PromptBeginning
  /** Samples, of which an answer's value is the mean. @default one value, without any error */
  samples?: number
}

/**
 * The likelihood of each answer is Σ weight · log p of its predicted tokens, where there are samples the mean over them. Rows
 * of the beginning may be predicted from in the first forward only.
 */
export class LikelihoodPlan {
  readonly answers: number
  readonly beginning: PromptBeginning
  readonly samples: number | undefined
  /** Each computed by itself, the beginning once for all of them. */
  readonly forwards: PlannedRows[]

  constructor({ answers, beginning = { tokens: 0, blockSize: 1 }, samples }: LikelihoodPlanOptions) {
    this.answers = answers
    this.beginning = beginning
    this.samples = samples
    this.forwards = [new PlannedRows(beginning.tokens)]
  }

  get first(): PlannedRows {
    return this.forwards[0]
  }

  /**
   * The last forward if so many rows more fit into it, else a new one.
   * @param most rows of a forward, where every one must hold so many that more are worth it
   */
  withRoom(rows: number, most = 0): PlannedRows {
    const last = this.forwards[this.forwards.length - 1]
    if (last.ids.length === 0 || last.ids.length + rows <= Math.max(MOST_ROWS, most)) return last
    const next = new PlannedRows(this.beginning.tokens)
    this.forwards.push(next)
    return next
  }

  /** Positions of the whole sequence, of which frequencies may depend. */
  get positions(): number {
    let last = this.beginning.tokens
    for (const { positions } of this.forwards) for (const position of positions) last = Math.max(last, position + 1)
    return last
  }
}
