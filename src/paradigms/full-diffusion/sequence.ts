/** The sequence under full diffusion: prompt and answer, what of the answer is masked, and where it ends. Knows no tensors. */

export interface FullSequenceOptions {
  promptLength: number
  /** Length of the answer in tokens. */
  genLength: number
  maskToken: number
  eos: readonly number[]
  /** Sequences of tokens before which the answer ends. */
  stop: readonly (readonly number[])[]
}

export class FullSequence {
  readonly #options: FullSequenceOptions
  readonly #ids: Int32Array
  /** Never decided by comparing ids: a model may predict the mask token. */
  readonly #masked: Uint8Array

  constructor(options: FullSequenceOptions) {
    const { promptLength, genLength, maskToken } = options
    this.#options = options
    this.#ids = new Int32Array(promptLength + genLength).fill(maskToken)
    this.#masked = new Uint8Array(this.#ids.length).fill(1).fill(0, 0, promptLength)
  }

  /** Positions of prompt and answer. */
  get length(): number {
    return this.#ids.length
  }
  maskedIn(start: number, end: number): Int32Array {
    const found: number[] = []
    for (let position = start; position < end; position++) if (this.#masked[position]) found.push(position)
    return Int32Array.from(found)
  }
  /** The token at a position of the answer, undefined while it is masked. */
  known(position: number): number | undefined {
    return this.#masked[position] ? undefined : this.#ids[position]
  }
  /** Makes a prediction final. A predicted mask token leaves its position masked, as in the authors' code. */
  fix(position: number, id: number): void {
    if (id === this.#options.maskToken) return
    this.#ids[position] = id
    this.#masked[position] = 0
  }

  /** Tokens at positions [start, end), the mask where they are masked; those of the prompt mean nothing. */
  tokens(start: number, end: number): Int32Array {
    return this.#ids.slice(start, end)
  }
  /** The sequence without what is asked: masks for the prompt. */
  withoutPrompt(): Int32Array {
    return this.#ids.slice()
  }

  /** The first position at which a stop sequence stands; undefined while there is none. */
  stopPosition(): number | undefined {
    const { promptLength, stop } = this.#options
    for (let start = promptLength; start < this.length; start++)
      if (stop.some((tokens) => tokens.length > 0 && tokens.every((id, i) => this.#isFinal(start + i, id))))
        return start
    return undefined
  }
  #isFinal(position: number, id: number): boolean {
    return position < this.length && !this.#masked[position] && this.#ids[position] === id
  }

  /** Whether an end-of-sequence token is final, and all before it. */
  isEnded(): boolean {
    const { promptLength } = this.#options
    const eos = this.eosIndex()
    return eos !== undefined && !this.#masked.subarray(promptLength, promptLength + eos).includes(1)
  }
  /** The answer up to the first stop sequence, with the mask token where a position is still masked. */
  answer(): Int32Array {
    return this.#ids.slice(this.#options.promptLength, this.stopPosition())
  }
  /** Index of the first end-of-sequence token in the answer. */
  eosIndex(): number | undefined {
    const at = this.answer().findIndex((id) => this.#options.eos.includes(id))
    return at < 0 ? undefined : at
  }
}
