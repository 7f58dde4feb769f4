/**
 * An answer while it is being denoised. On a terminal the current block is redrawn in place, masked positions as ▒;
 * elsewhere only final text is written. Takes strings: it knows neither tokens nor models.
 */

import pc from "picocolors"
import type { TextStream } from "./progress.js"
import { advance } from "./width.js"

export type DenoiseEvent =
  /** Text that is final, after everything before it. */
  | { type: "text"; text: string }
  /** The current block: one piece of text per position, null where it is still masked. */
  | { type: "step"; cells: readonly (string | null)[] }

export interface DenoiseOptions {
  /** @default process.stdout */
  stream?: TextStream
  /** Show masked positions in a dim colour. @default where the terminal has colours */
  color?: boolean
}

const MASK = "▒"
const MAXIMUM_ROWS = 5

export class DenoiseView {
  readonly #stream: TextStream
  readonly #colors: ReturnType<typeof pc.createColors>
  /** The column at which the block under way begins. */
  #column = 0
  /** Where the drawn block ends, in columns from the start of the row it begins in; undefined when none is drawn. */
  #end: number | undefined
  #atLineStart = true
  /** The line break before the next text was made here, because the row was full. */
  #softBreak = false

  constructor({ stream = process.stdout, color = pc.isColorSupported }: DenoiseOptions = {}) {
    this.#stream = stream
    this.#colors = pc.createColors(color)
  }

  show(event: DenoiseEvent): void {
    if (event.type === "text") this.#write(event.text)
    else if (this.#stream.isTTY) this.#draw(event.cells)
  }

  /** Removes a block that never became final, and ends the line. */
  finish(): void {
    this.#erase()
    if (!this.#atLineStart) this.#stream.write("\n")
    this.#column = 0
    this.#atLineStart = true
    this.#softBreak = false
  }

  #write(text: string): void {
    if (text === "") return
    this.#erase()
    const output = this.#softBreak ? text.replace(/^\r?\n/, "") : text
    this.#softBreak = false
    this.#stream.write(output)
    const newline = output.lastIndexOf("\n")
    const end = advance(newline >= 0 ? 0 : this.#column, output.slice(newline + 1), this.#width)
    this.#column = end % this.#width
    this.#atLineStart = this.#column === 0 && (end === 0 || output === "")
    // A terminal waits at the end of a full row until the next character; an escape code would act on the old row.
    if (this.#stream.isTTY && end > 0 && this.#column === 0) {
      this.#stream.write("\n")
      this.#atLineStart = true
      this.#softBreak = true
    }
  }

  #draw(cells: readonly (string | null)[]): void {
    this.#erase()
    // Never more rows than a small window has: what scrolled away could not be redrawn.
    const room = this.#width * MAXIMUM_ROWS
    let end = this.#column
    let output = ""
    for (const cell of cells) {
      const text = cell === null ? MASK : visible(cell)
      const next = advance(end, text, this.#width)
      if (next > room) break
      end = next
      output += cell === null ? this.#colors.dim(text) : this.#colors.cyan(text)
    }
    this.#stream.write(output)
    this.#end = end
  }

  /** Moves back to where the block begins and clears from there to the end of the screen. */
  #erase(): void {
    if (this.#end === undefined) return
    const rows = Math.max(0, Math.ceil(this.#end / this.#width) - 1)
    const up = rows > 0 ? `\x1b[${rows}A` : ""
    const right = this.#column > 0 ? `\x1b[${this.#column}C` : ""
    this.#stream.write(`${up}\r${right}\x1b[J`)
    this.#end = undefined
  }

  get #width(): number {
    return this.#stream.columns ?? 80
  }
}

/** Within the block under way a line break is shown, not made: the block must be found again. */
function visible(text: string): string {
  return text.replace(/\r?\n/g, "⏎").replace(/\p{Cc}/gu, " ")
}
