/** Numbers between bounds, as grammars of their digits. Zero is never written with a sign. */

import type { GrammarBuilder, Node } from "../nodes.js"

/** Digits that are told apart for sure when a number is read. */
const MOST_DIGITS = 15
/** Digits behind the point, where no bound has more. */
const DECIMALS = 6

/** A bound as it is written. */
export interface Bound {
  negative: boolean
  whole: string
  decimals: string
  /** Whether the bound itself is left out. */
  exclusive: boolean
}

/** @returns undefined for numbers of more digits than can be told apart */
export function boundOf(value: number, exclusive = false): Bound | undefined {
  const [whole, decimals = ""] = String(Math.abs(value)).split(".")
  if (!/^\d+$/.test(whole + decimals) || whole.length + decimals.length > MOST_DIGITS) return undefined
  return { negative: value < 0, whole, decimals, exclusive }
}

/** The largest number that is written where there is no bound on that side: always beyond the other one. */
const largestBeside = (other = ""): string => "9".repeat(Math.max(MOST_DIGITS, other.length + 1))

/** Whole numbers from one to another, both included. */
export function integersBetween(builder: GrammarBuilder, least?: bigint, most?: bigint): Node {
  const largest = BigInt(largestBeside(String(least ?? most).replace("-", "")))
  const [from, to] = [least ?? -largest, most ?? largest]
  const digits = new Digits(builder)
  const positive = from > 0n ? from : 0n
  const negative = to < 0n ? -to : 1n
  return builder.choice(
    positive <= to ? digits.integers(String(positive), String(to)) : builder.never,
    negative <= -from
      ? builder.sequence(builder.text("-"), digits.integers(String(negative), String(-from)))
      : builder.never,
  )
}

/** Decimal numbers between bounds, without an exponent. */
export function decimalsBetween(builder: GrammarBuilder, least: Bound | undefined, most: Bound | undefined): Node {
  const decimals = Math.max(DECIMALS, least?.decimals.length ?? 0, most?.decimals.length ?? 0)
  const digits = new Digits(builder)
  const zero: Bound = { negative: false, whole: "0", decimals: "", exclusive: false }
  const far: Bound = { ...zero, whole: largestBeside((least ?? most)?.whole) }
  const positive = most?.negative
    ? builder.never
    : digits.decimals(least && !least.negative ? least : zero, most ?? far, decimals)
  const negative =
    least && !least.negative
      ? builder.never
      : digits.decimals(most?.negative ? most : { ...zero, exclusive: true }, least ?? far, decimals)
  return builder.choice(positive, builder.sequence(builder.text("-"), negative))
}

class Digits {
  readonly #builder: GrammarBuilder

  constructor(builder: GrammarBuilder) {
    this.#builder = builder
  }

  /** Numbers of 0 and more, without leading zeros. */
  integers(from: string, to: string): Node {
    const options: Node[] = []
    for (let length = from.length; length <= to.length; length++) {
      const least = length === from.length ? from : `1${"0".repeat(length - 1)}`
      const most = length === to.length ? to : "9".repeat(length)
      if (BigInt(least) <= BigInt(most)) options.push(this.#between(least, most))
    }
    return this.#builder.choice(...options)
  }

  /** Digits of the same number as both bounds. */
  #between(from: string, to: string): Node {
    const { sequence, choice, empty } = this.#bound()
    if (from === "") return empty
    if (/^0*$/.test(from) && /^9*$/.test(to)) return this.#any(from.length, from.length)
    const [a, b] = [Number(from[0]), Number(to[0])]
    const [rest, length] = [from.slice(1), from.length - 1]
    if (a === b) return sequence(this.#digit(a, a), this.#between(rest, to.slice(1)))
    return choice(
      sequence(this.#digit(a, a), this.#between(rest, "9".repeat(length))),
      sequence(this.#digit(a + 1, b - 1), this.#any(length, length)),
      sequence(this.#digit(b, b), this.#between("0".repeat(length), to.slice(1))),
    )
  }

  /** Numbers of 0 and more, with up to so many decimals as long as all digits can be told apart. */
  decimals(from: Bound, to: Bound, most: number): Node {
    const { sequence, choice, empty, never } = this.#bound()
    const [a, b] = [BigInt(from.whole), BigInt(to.whole)]
    const point = (decimals: Node): Node =>
      choice(decimals.nullable ? empty : never, sequence(this.#builder.text("."), this.#builder.nonEmpty(decimals)))
    const lower = { digits: from.decimals, exclusive: from.exclusive }
    const upper = { digits: to.decimals, exclusive: to.exclusive }
    const room = ({ length }: string): number => Math.max(0, Math.min(most, MOST_DIGITS - length))
    const end = ({ whole }: Bound, lower?: Tail, upper?: Tail): Node =>
      sequence(this.integers(whole, whole), point(this.#tail(lower, upper, room(whole))))
    if (a > b) return never
    if (a === b) return end(from, lower, upper)
    const between: Node[] = []
    for (let least = a + 1n; least < b; ) {
      // As many digits as have the same room behind them.
      const digits = Math.max(MOST_DIGITS - most, String(least).length)
      const behind = 10n ** BigInt(digits)
      const last = behind < b ? behind - 1n : b - 1n
      between.push(sequence(this.integers(String(least), String(last)), point(this.#any(0, room(String(last))))))
      least = last + 1n
    }
    return choice(end(from, lower), ...between, end(to, undefined, upper))
  }

  /** Up to so many decimals, of a number between two others: none at all are zeros. */
  #tail(lower: Tail | undefined, upper: Tail | undefined, room: number): Node {
    const { sequence, choice, empty, never } = this.#bound()
    if (!lower && !upper) return this.#any(0, room)
    const aboveZero = lower === undefined || (isZero(lower) && !lower.exclusive)
    const belowZero = upper === undefined || !isZero(upper) || !upper.exclusive
    const ends = aboveZero && belowZero ? empty : never
    if (room === 0) return ends
    const [a, b] = [lower ? first(lower) : 0, upper ? first(upper) : 9]
    if (a > b) return ends
    const [low, high] = [lower && rest(lower), upper && rest(upper)]
    if (a === b) return choice(ends, sequence(this.#digit(a, a), this.#tail(low, high, room - 1)))
    return choice(
      ends,
      sequence(this.#digit(a, a), this.#tail(low, undefined, room - 1)),
      sequence(this.#digit(a + 1, b - 1), this.#any(0, room - 1)),
      sequence(this.#digit(b, b), this.#tail(undefined, high, room - 1)),
    )
  }

  #digit(from: number, to: number): Node {
    return from > to ? this.#builder.never : this.#builder.range(0x30 + from, 0x30 + to)
  }
  #any(least: number, most: number): Node {
    return this.#builder.repeat(this.#digit(0, 9), least, most)
  }
  #bound() {
    const { empty, never } = this.#builder
    const sequence = (...nodes: Node[]): Node => this.#builder.sequence(...nodes)
    const choice = (...nodes: Node[]): Node => this.#builder.choice(...nodes)
    return { sequence, choice, empty, never }
  }
}

/** Decimals of a bound from some digit on. */
interface Tail {
  digits: string
  exclusive: boolean
}

const isZero = ({ digits }: Tail): boolean => /^0*$/.test(digits)
const first = ({ digits }: Tail): number => Number(digits[0] ?? "0")
const rest = ({ digits, exclusive }: Tail): Tail => ({ digits: digits.slice(1), exclusive })
