/** From values to places on an axis, and where its ticks go. */

export interface Scale {
  /** Place of a value. */
  at(value: number): number
  from: number
  to: number
  log: boolean
}

export interface Ends {
  /** Logarithmic: values that are not positive are left out. @default false */
  log?: boolean
  /** Ends of the axis, where the data alone should not decide. */
  from?: number
  to?: number
  /** Values that can be: no room is left beyond them. */
  within?: readonly [least: number, most: number]
}

/** What is smaller is nothing: its parts would be no numbers any more. */
const SMALLEST = 1e-300

/**
 * A scale that shows all values, with a little room at the ends that are not given.
 * @param start place of the smallest value
 * @param end place of the largest
 */
export function scale(
  values: readonly number[],
  { log = false, from, to, within }: Ends,
  start: number,
  end: number,
): Scale {
  const turn = log ? Math.log10 : (value: number) => value
  const back = log ? (value: number) => 10 ** value : (value: number) => value
  const smallest = turn(from ?? values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY))
  const largest = turn(to ?? values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY))
  let low = Number.isFinite(smallest) ? smallest : Number.isFinite(largest) ? largest - 1 : 0
  let high = Number.isFinite(largest) ? largest : low + 1
  // Values that differ by rounding only are one value: no tick fits between them.
  const rounding = 1e-12 * Math.max(Math.abs(low), Math.abs(high)) + SMALLEST
  if (high - low <= rounding) {
    const half = log || Math.abs(low) < SMALLEST ? 0.5 : Math.abs(low) / 20
    ;[low, high] = from === undefined ? [low - half, low + half] : [low, low + 2 * half]
  }
  const [least, most] = within?.map(turn) ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const room = (high - low) * 0.06
  if (from === undefined) low = Math.max(low - room, Math.min(least, smallest))
  if (to === undefined) high = Math.min(high + room, Math.max(most, largest))
  return {
    at: (value) => start + ((turn(value) - low) / (high - low)) * (end - start),
    from: back(low),
    to: back(high),
    log,
  }
}

/** Round numbers within a scale, about five of them. */
export function ticks({ from, to, log }: Scale, wanted = 5): number[] {
  if (log) {
    const decades = Math.log10(to / from)
    const leading = decades > 3 ? [1] : decades > 1.2 ? [1, 3] : [1, 2, 3, 5, 7]
    const every = Math.ceil(decades / 8)
    const out: number[] = []
    for (let power = Math.floor(Math.log10(from)); power <= Math.ceil(Math.log10(to)); power++) {
      for (const digit of power % every === 0 ? leading : []) {
        const value = Number(`${digit}e${power}`)
        // The ends went through a logarithm and back.
        if (value >= from * (1 - 1e-9) && value <= to * (1 + 1e-9)) out.push(value)
      }
    }
    if (out.length >= 2) return out
  }
  const rough = (to - from) / wanted
  const unit = 10 ** Math.floor(Math.log10(rough))
  const step = unit * ([1, 2, 5].find((factor) => factor * unit >= rough) ?? 10)
  const first = Math.ceil(from / step - 1e-9)
  const count = Math.floor(to / step + 1e-9) - first + 1
  // Multiples of the step, without the dust of repeated addition.
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}

/** What stands at the ticks: as many decimals at each, powers of ten where numbers are very large or small. */
export function tickTexts(values: readonly number[], log = false): string[] {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  if (largest >= 1e6 || largest < 1e-3) return values.map((value) => (value === 0 ? "0" : value.toExponential()))
  const decimals = values.reduce((most, value) => Math.max(most, String(value).split(".")[1]?.length ?? 0), 0)
  return values.map((value) => {
    const fixed = log ? {} : { minimumFractionDigits: decimals }
    return value.toLocaleString("en", { maximumFractionDigits: 12, ...fixed }).replace("-", "−")
  })
}

/** Start and width of one of `count` equal parts of a stretch. */
export function bands(start: number, end: number, count: number, index: number): [start: number, width: number] {
  const width = (end - start) / count
  return [start + index * width, width]
}
