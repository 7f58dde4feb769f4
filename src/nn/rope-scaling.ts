/** Rotary frequencies stretched for longer sequences, rounded step by step in float32 as the published models compute them. */

/** How a model was made to see further than it was first trained; positions are counts of tokens. */
export type RopeScaling =
  /** Every frequency divided. */
  | { type: "linear"; factor: number }
  /** A larger base for sequences of more than `maxPositions`. */
  | { type: "dynamic"; factor: number; maxPositions: number }
  /** Low frequencies divided, high ones left, those between blended (Llama 3.1). */
  | { type: "llama3"; factor: number; lowFactor: number; highFactor: number; originalPositions: number }
  /** The same by a ramp over channels, and sharper attention (arXiv 2309.00071). */
  | {
      type: "yarn"
      factor: number
      originalPositions: number
      betaFast: number
      betaSlow: number
      /** Whether the ends of the ramp are whole channels. */
      truncate: boolean
      /** What cos and sin are multiplied by. */
      attentionFactor: number
    }

const f = Math.fround

/** What cos and sin are multiplied by. */
export const attentionFactor = (scaling?: RopeScaling): number =>
  scaling?.type === "yarn" ? scaling.attentionFactor : 1

/** YaRN's factor where the configuration names none: 0.1 · m · ln(factor) + 1, a quotient of two where it names both m. */
export function yarnAttention(factor: number, mscale?: number, mscaleAllDim?: number): number {
  const scale = (m: number): number => (factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1)
  return mscale && mscaleAllDim ? scale(mscale) / scale(mscaleAllDim) : scale(1)
}

/**
 * Frequencies of all pairs of channels; `dynamic` changes the base instead (`dynamicRatio`).
 * @param periods theta^(2j / channels) in float32
 * @param theta the base they are powers of
 */
export function scaledFrequencies(periods: Float32Array, theta: number, scaling?: RopeScaling): Float32Array {
  const plain = periods.map((period) => 1 / period)
  switch (scaling?.type) {
    case "linear":
      return plain.map((frequency) => frequency / f(scaling.factor))
    case "llama3":
      return plain.map((frequency) => llama3(frequency, scaling))
    case "yarn": {
      const ramp = yarnRamp(periods.length, theta, scaling)
      return periods.map((period, j) => {
        const far = f(1 / f(f(scaling.factor) * period))
        const kept = f(1 - ramp(j))
        return f(f(far * f(1 - kept)) + f(plain[j] * kept))
      })
    }
    default:
      return plain
  }
}

function llama3(frequency: number, scaling: Extract<RopeScaling, { type: "llama3" }>): number {
  const { factor, lowFactor, highFactor, originalPositions } = scaling
  // A number over a tensor is its reciprocal times the number.
  const over = (numerator: number, x: number): number => f(f(1 / x) * f(numerator))
  const wavelength = over(2 * Math.PI, frequency)
  const isLow = wavelength > f(originalPositions / lowFactor)
  const divided = isLow ? f(frequency / f(factor)) : frequency
  if (isLow || wavelength < f(originalPositions / highFactor)) return divided
  const smooth = f(f(over(originalPositions, wavelength) - f(lowFactor)) / f(highFactor - lowFactor))
  return f(f(f(f(1 - smooth) * divided) / f(factor)) + f(smooth * divided))
}

/** 0 for pairs that turn often within the original length, 1 for those that turn little. */
function yarnRamp(
  pairs: number,
  theta: number,
  { originalPositions, betaFast, betaSlow, truncate }: Extract<RopeScaling, { type: "yarn" }>,
): (pair: number) => number {
  const channels = 2 * pairs
  const pairOfTurns = (turns: number): number =>
    (channels * Math.log(originalPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta))
  const [first, last] = [pairOfTurns(betaFast), pairOfTurns(betaSlow)]
  const low = Math.max(truncate ? Math.floor(first) : first, 0)
  const most = Math.min(truncate ? Math.ceil(last) : last, channels - 1)
  const high = low === most ? most + 0.001 : most
  return (pair) => Math.min(1, Math.max(0, f(f(pair - f(low)) / f(high - low))))
}

/** Before it is raised to d / (d − 2): what the base grows by for a sequence of `length` > `maxPositions` tokens. */
export function dynamicRatio(
  { factor, maxPositions }: Extract<RopeScaling, { type: "dynamic" }>,
  length: number,
): number {
  return f(f(f(f(factor) * f(length)) / f(maxPositions)) - f(factor - 1))
}
