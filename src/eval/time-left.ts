/** How long the rest of a job of several kinds of work takes, at the pace of this session. */

interface Kind {
  total: number
  done: number
  /** Done in this session, and the time that it took. */
  paced: number
  pieces: number
  seconds: number
}

/** A pace is told once it rests on so much: the first answers pay for what is set up, and for those that are decoded beside them. */
const SETTLED = { pieces: 4, seconds: 3 }

export class TimeLeft {
  readonly #kinds = new Map<string, Kind>()

  /** @param totals amounts of each kind, in any unit */
  constructor(totals: Readonly<Record<string, number>>) {
    for (const [name, total] of Object.entries(totals))
      this.#kinds.set(name, { total, done: 0, paced: 0, pieces: 0, seconds: 0 })
  }

  /** Done before this session: it says nothing of the pace. */
  skip(name: string, amount: number): void {
    this.#of(name).done += amount
  }

  add(name: string, amount: number, seconds: number): void {
    const kind = this.#of(name)
    kind.done += amount
    kind.paced += amount
    kind.pieces += 1
    kind.seconds += seconds
  }

  /** Unknown while too little was done of a kind that is still to come. */
  get seconds(): number | undefined {
    let sum = 0
    for (const { total, done, paced, pieces, seconds } of this.#kinds.values()) {
      if (done >= total) continue
      if (pieces < SETTLED.pieces || seconds < SETTLED.seconds) return undefined
      sum += ((total - done) / paced) * seconds
    }
    return sum
  }

  #of(name: string): Kind {
    const kind = this.#kinds.get(name)
    if (!kind) throw new RangeError(`no work is called ${name}`)
    return kind
  }
}
