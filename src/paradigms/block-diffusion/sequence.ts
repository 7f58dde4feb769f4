/** The sequence under decoding: prompt and answer, which positions are masked, and how much of the answer is known. */

export interface SequenceOptions {
  promptTokens: number
  /** Length of the answer in tokens. */
  genLength: number
  blockSize: number
  maskToken: number
  eos: readonly number[]
}

export class BlockSequence {
  /** The prompt and the answer lie in one block: no row is ever cached. */
  readonly full: boolean
  /** Rows of prompt and answer, with those that fill the last block. */
  readonly length: number
  /** First and last + 1 of the blocks to decode. */
  readonly firstBlock: number
  readonly endBlock: number
  readonly #options: SequenceOptions
  readonly #ids: Int32Array
  /** Never decided by comparing ids: a model may predict the mask token. */
  readonly #masked: Uint8Array
  #completeUntil: number
  #eos: number | undefined

  constructor(options: SequenceOptions) {
    const { promptTokens, genLength, blockSize, maskToken } = options
    this.#options = options
    this.full = blockSize >= promptTokens + genLength
    this.firstBlock = Math.floor(promptTokens / blockSize)
    this.endBlock = Math.ceil((promptTokens + genLength) / blockSize)
    this.length = this.full ? promptTokens + genLength : this.endBlock * blockSize
    this.#ids = new Int32Array(this.length).fill(maskToken)
    this.#masked = new Uint8Array(this.length).fill(1).fill(0, 0, promptTokens)
    this.#completeUntil = promptTokens
  }

  /** Rows that form whole blocks of the prompt. */
  get prefixTokens(): number {
    return this.firstBlock * this.#options.blockSize
  }
  /** [start, end) of a block. */
  block(index: number): [start: number, end: number] {
    const start = index * this.#options.blockSize
    return [start, Math.min(this.length, start + this.#options.blockSize)]
  }
  maskedIn(start: number, end: number): Int32Array {
    const found: number[] = []
    for (let row = start; row < end; row++) if (this.#masked[row]) found.push(row)
    return Int32Array.from(found)
  }
  /** The token at a position of the answer, undefined while it is masked. */
  known(row: number): number | undefined {
    return this.#masked[row] ? undefined : this.#ids[row]
  }
  /** Makes a prediction final. A predicted mask token leaves its row masked, as in the authors' code. */
  unmask(row: number, id: number): void {
    if (id === this.#options.maskToken) return
    this.#ids[row] = id
    this.#masked[row] = 0
  }
  /** An end-of-sequence token among the answer's positions of [start, end). */
  hasEos(start: number, end: number): boolean {
    for (let row = Math.max(start, this.#options.promptTokens); row < end; row++) if (this.#isEos(row)) return true
    return false
  }
  /** Whether the text is known: all positions up to the first end-of-sequence token, or the whole answer. */
  isComplete(): boolean {
    const end = this.#options.promptTokens + this.#options.genLength
    while (this.#eos === undefined && this.#completeUntil < end && !this.#masked[this.#completeUntil]) {
      if (this.#isEos(this.#completeUntil)) this.#eos = this.#completeUntil
      this.#completeUntil++
    }
    return this.#eos !== undefined || this.#completeUntil === end
  }
  endsAnswer(id: number): boolean {
    return this.#options.eos.includes(id)
  }
  #isEos(row: number): boolean {
    return !this.#masked[row] && this.endsAnswer(this.#ids[row])
  }

  /** Tokens at positions [start, end), the mask where they are masked; those of the prompt mean nothing. */
  tokens(start: number, end: number): Int32Array {
    return this.#ids.slice(start, end)
  }
  /** The answer, with the mask token where a row is still masked. */
  answer(): Int32Array {
    const { promptTokens, genLength } = this.#options
    return this.#ids.slice(promptTokens, promptTokens + genLength)
  }
  /** Index of the first end-of-sequence token in the answer. */
  eosIndex(): number | undefined {
    const at = this.answer().findIndex((id) => this.#options.eos.includes(id))
    return at < 0 ? undefined : at
  }
}
