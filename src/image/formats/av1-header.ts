/** What the AV1 bitstream itself says of its colours: it counts where the file around it has no colour box. */

export interface Av1Colour {
  /** Numbers of CICP; 2 where the bitstream does not say. */
  primaries: number
  matrix: number
  isFull: boolean
}

const SEQUENCE_HEADER = 1
/** How far into the data the sequence header is looked for: it is the first thing, or the second. */
const MAXIMUM_UNITS = 4
const UNSPECIFIED = 2

class Bits {
  private bit = 0
  constructor(private readonly bytes: Uint8Array) {}
  take(count: number): number {
    let value = 0
    for (let i = 0; i < count; i++, this.bit++) {
      const byte = this.bytes[this.bit >> 3]
      if (byte === undefined) throw new RangeError("the AV1 sequence header ends early")
      value = value * 2 + ((byte >> (7 - (this.bit & 7))) & 1)
    }
    return value
  }
  flag(): boolean {
    return this.take(1) === 1
  }
  /** A number of as many bits as there are zeros before it. */
  variable(): void {
    let zeros = 0
    while (!this.flag()) zeros++
    if (zeros < 32) this.take(zeros)
  }
}

/** The colours of the sequence header that the data starts with; undefined where there is none. */
export function av1Colour(data: Uint8Array): Av1Colour | undefined {
  for (let unit = 0, at = 0; unit < MAXIMUM_UNITS && at < data.length; unit++) {
    const header = data[at]
    const hasSize = (header & 2) !== 0
    let start = at + (header & 4 ? 2 : 1)
    let size = 0
    if (hasSize) {
      for (let shift = 0; shift < 28; shift += 7) {
        const byte = data[start++]
        size += (byte & 0x7f) << shift
        if (!(byte & 0x80)) break
      }
    } else size = data.length - start
    if (((header >> 3) & 15) === SEQUENCE_HEADER) return readColour(new Bits(data.subarray(start, start + size)))
    at = start + size
  }
  return undefined
}

/** AV1's sequence_header_obu() up to its color_config(). */
function readColour(bits: Bits): Av1Colour {
  const profile = bits.take(3)
  bits.take(1)
  const isReduced = bits.flag()
  if (isReduced) bits.take(5)
  else skipOperatingPoints(bits)
  const [widthBits, heightBits] = [bits.take(4) + 1, bits.take(4) + 1]
  bits.take(widthBits + heightBits)
  if (!isReduced && bits.flag()) bits.take(7) // frame ids
  bits.take(3)
  if (!isReduced) {
    bits.take(4)
    const hasOrder = bits.flag()
    if (hasOrder) bits.take(2)
    const isForced = bits.flag() || bits.flag() // screen content tools: chosen by the frame, or on
    if (isForced && !bits.flag()) bits.take(1)
    if (hasOrder) bits.take(3)
  }
  bits.take(3)
  const isHigh = bits.flag()
  if (profile === 2 && isHigh) bits.take(1)
  const isGrey = profile !== 1 && bits.flag()
  const isDescribed = bits.flag()
  const [primaries, transfer, matrix] = isDescribed
    ? [bits.take(8), bits.take(8), bits.take(8)]
    : [UNSPECIFIED, UNSPECIFIED, UNSPECIFIED]
  const isSrgb = !isGrey && primaries === 1 && transfer === 13 && matrix === 0
  return { primaries, matrix, isFull: isSrgb || bits.flag() }
}

function skipOperatingPoints(bits: Bits): void {
  let delayBits = 0
  let hasModel = false
  if (bits.flag()) {
    bits.take(64) // timing
    if (bits.flag()) bits.variable()
    hasModel = bits.flag()
    if (hasModel) {
      delayBits = bits.take(5) + 1
      bits.take(42)
    }
  }
  const hasDelay = bits.flag()
  for (let left = bits.take(5) + 1; left > 0; left--) {
    bits.take(12)
    if (bits.take(5) > 7) bits.take(1)
    if (hasModel && bits.flag()) bits.take(2 * delayBits + 1)
    if (hasDelay && bits.flag()) bits.take(4)
  }
}
