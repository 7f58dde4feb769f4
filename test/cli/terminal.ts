/** A small terminal for tests: a grid that understands what the views write (wrapping, \r, \n, cursor up and right, clearing). */

import { columnsOf } from "../../src/cli/ui/width.js"

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" })
// biome-ignore lint/complexity/useRegexLiterals: the escape character would have to stand in the source
const ESCAPE = new RegExp("^\u001b\\[(\\d*)([A-Za-z])")

export class Terminal {
  readonly isTTY = true
  readonly columns: number
  #rows: string[][] = [[]]
  #row = 0
  #column = 0

  constructor(columns: number) {
    this.columns = columns
  }

  write(text: string): void {
    let rest = text
    while (rest !== "") {
      const control = rest.match(ESCAPE)
      if (control) {
        this.#control(Number(control[1] || 1), control[2])
        rest = rest.slice(control[0].length)
        continue
      }
      const segment = segmenter.segment(rest)[Symbol.iterator]().next().value!.segment
      rest = rest.slice(segment.length)
      if (segment === "\n" || segment === "\r\n") this.#moveTo(this.#row + 1, 0)
      else if (segment === "\r") this.#column = 0
      else this.#put(segment)
    }
  }

  /** What is on the screen, without empty cells at line ends. */
  get screen(): string {
    return this.#rows
      .map((row) =>
        Array.from(row, (cell) => cell ?? " ")
          .join("")
          .trimEnd(),
      )
      .join("\n")
  }

  #put(segment: string): void {
    const width = columnsOf(segment)
    if (this.#column + width > this.columns) this.#moveTo(this.#row + 1, 0)
    this.#rows[this.#row][this.#column] = segment
    for (let extra = 1; extra < width; extra += 1) this.#rows[this.#row][this.#column + extra] = ""
    // At the right border the cursor waits on the full row until the next character.
    this.#column += width
  }

  #control(count: number, command: string): void {
    if (command === "A") this.#row = Math.max(0, this.#row - count)
    else if (command === "C") this.#column = Math.min(this.columns - 1, this.#column + count)
    else if (command === "K") this.#rows[this.#row].length = Math.min(this.#rows[this.#row].length, this.#column)
    else if (command === "J") {
      this.#rows[this.#row].length = Math.min(this.#rows[this.#row].length, this.#column)
      this.#rows.length = this.#row + 1
    } else if (command !== "m") throw new Error(`unknown control sequence ${command}`)
  }

  #moveTo(row: number, column: number): void {
    while (this.#rows.length <= row) this.#rows.push([])
    this.#row = row
    this.#column = column
  }
}

/** A stream that is no terminal: keeps what was written. */
export class PlainStream {
  text = ""
  write(text: string): void {
    this.text += text
  }
}
