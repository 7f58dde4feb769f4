/** The log of a training (metrics.jsonl), read piece by piece while it grows. */

/** Numbers of one step by their names. */
type Entry = { step: number } & Record<string, number | null>

/** Longer logs are averaged in pairs: a chart shows fewer points anyway. */
export const MOST_ENTRIES = 4_000

export class MetricsLog {
  /** Bytes of whole lines that were read. */
  #read = 0
  steps: number[] = []
  /** Of every metric, a value for each of `steps`; NaN where there was none. */
  readonly values = new Map<string, number[]>()
  /** The newest entry, as it was written. */
  last: Entry | undefined
  /** How many lines an entry of `steps` stands for. */
  #every = 1
  #waiting: Entry[] = []

  /** Where the next piece begins: at the end of the last line, by which the log is known to be still the same. */
  get from(): number {
    return Math.max(0, this.#read - 1)
  }

  /**
   * Takes whole lines; half a line at the end is asked for again.
   * @param text of the file from byte `from` on
   * @returns false where the log is another one now, as after a training was resumed from an earlier step: begin anew
   */
  push(text: string): boolean {
    if (this.#read > 0 && !text.startsWith("\n")) return false
    const whole = text.slice(this.#read > 0 ? 1 : 0, text.lastIndexOf("\n") + 1)
    this.#read += new TextEncoder().encode(whole).length
    for (const line of whole.split("\n")) {
      const entry = entryOf(line)
      if (entry === undefined) continue
      if (this.last && entry.step <= this.last.step) return false
      this.#add(entry)
    }
    return true
  }

  #add(entry: Entry): void {
    this.last = entry
    this.#waiting.push(entry)
    if (this.#waiting.length < this.#every) return
    const group = this.#waiting
    this.#waiting = []
    this.steps.push(entry.step)
    const names = new Set([...this.values.keys(), ...group.flatMap(Object.keys)])
    names.delete("step")
    for (const name of names) {
      const column = this.values.get(name) ?? new Array(this.steps.length - 1).fill(Number.NaN)
      column.push(mean(group.map((one) => one[name] ?? Number.NaN)))
      this.values.set(name, column)
    }
    if (this.steps.length > MOST_ENTRIES) this.#halve()
  }

  #halve(): void {
    this.#every *= 2
    if (this.steps.length % 2 === 1) this.steps.unshift(this.steps[0])
    const even = this.steps.length
    this.steps = this.steps.filter((_, i) => i % 2 === 1)
    for (const [name, column] of this.values) {
      if (column.length < even) column.unshift(column[0])
      const pairs = this.steps.map((_, i) => mean([column[2 * i], column[2 * i + 1]]))
      this.values.set(name, pairs)
    }
  }
}

/** Of those that are numbers. */
function mean(values: readonly number[]): number {
  const numbers = values.filter((value) => !Number.isNaN(value))
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length
}

function entryOf(line: string): Entry | undefined {
  try {
    const entry = JSON.parse(line)
    return Number.isInteger(entry?.step) ? entry : undefined
  } catch {
    return undefined
  }
}
