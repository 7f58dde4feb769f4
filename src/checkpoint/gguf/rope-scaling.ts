/** How a GGUF file says that rotary frequencies are scaled → `rope_scaling` of a Hugging Face configuration. */
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import type { Json } from "../json.js"
import type { Fields } from "./fields.js"
import type { GgufFile } from "./file.js"
import { readWeights } from "./weights.js"

const FREQUENCY_FACTORS = "rope_freqs.weight"

export interface RopeFacts {
  theta: number
  headWidth: number
  context: number
}

/**
 * `linear` and `yarn` stand in the metadata; `llama3` only as a tensor of factors, from which its parameters are found.
 * @throws UserError for a kind that is not known, or factors that are none of Llama 3
 */
export function ropeScalingOf(
  file: GgufFile,
  fields: Fields,
  architecture: string,
  facts: RopeFacts,
): Json | undefined {
  const key = (name: string) => `${architecture}.rope.scaling.${name}`
  const factor = fields.optionalNumber(key("factor")) ?? fields.optionalNumber(`${architecture}.rope.scale_linear`) ?? 1
  if (!(factor > 0)) throw fields.fail(key("factor"), `is ${factor}, not above 0`)
  // Files from before the key existed mean linear scaling.
  const type = fields.text(key("type")) ?? "linear"
  const scaled = type !== "none" && factor !== 1
  const factors = frequencyFactors(file, facts.headWidth)
  if (factors && scaled)
    throw new UserError(`it has both ${FREQUENCY_FACTORS} and scaling of type ${shown(type)}`, { where: file.path })
  if (factors) return llama3Scaling(factors, facts, file.path)
  if (type === "yarn") return yarnScaling(fields, key, factor, facts)
  if (!["none", "linear"].includes(type))
    throw fields.fail(key("type"), `is ${shown(type)}; known are "none", "linear" and "yarn"`)
  return scaled ? { rope_type: "linear", factor } : undefined
}

function yarnScaling(fields: Fields, key: (name: string) => string, factor: number, { context }: RopeFacts): Json {
  for (const [name, usual] of [
    ["yarn_ext_factor", 1],
    ["yarn_log_multiplier", 0],
  ] as const) {
    const value = fields.optionalNumber(key(name)) ?? usual
    if (value !== usual) throw fields.fail(key(name), `is ${value}; only ${usual} is supported`)
  }
  const optional = (ours: string, theirs: string): Json => {
    const value = fields.optionalNumber(key(theirs))
    return value === undefined ? {} : { [ours]: value }
  }
  // The converter writes Hugging Face's key as the first; llama.cpp multiplies YaRN's own factor by the second.
  const given = fields.optionalNumber(key("yarn_attn_factor"))
  const times = fields.optionalNumber(key("attn_factor")) ?? 1
  return {
    rope_type: "yarn",
    factor,
    original_max_position_embeddings: fields.optionalNumber(key("original_context_length")) ?? context,
    ...((given !== undefined || times !== 1) && {
      attention_factor: (given ?? 0.1 * Math.log(Math.max(factor, 1)) + 1) * times,
    }),
    ...optional("beta_fast", "yarn_beta_fast"),
    ...optional("beta_slow", "yarn_beta_slow"),
  }
}

/** Factors by which frequencies are divided, one for each pair of a head. */
function frequencyFactors(file: GgufFile, headWidth: number): Float32Array | undefined {
  const tensor = file.tensors.get(FREQUENCY_FACTORS)
  if (!tensor) return undefined
  if (tensor.shape.length !== 1 || tensor.shape[0] !== headWidth / 2)
    throw new UserError(
      `${FREQUENCY_FACTORS} has the shape [${tensor.shape.join(", ")}]; heads of ${headWidth} need [${headWidth / 2}]`,
      { where: file.path },
    )
  const factors = new Float32Array(headWidth / 2)
  readWeights(tensor, factors)
  return factors
}

/** Every Llama 3 model has these; only the original length and the factor differ. */
const LOW = 1
const HIGH = 4
/** Of Llama 3.1 to 3.3, then others that small models are made with. */
const ORIGINAL_LENGTHS = [8192, ...Array.from({ length: 17 }, (_, i) => 1 << (i + 4))]

function llama3Scaling(
  factors: Float32Array,
  { theta, headWidth, context }: RopeFacts,
  where: string,
): Json | undefined {
  const factor = factors.reduce((most, each) => Math.max(most, each), 1)
  if (factors.every((each) => each === 1)) return undefined
  const frequencies = Array.from(factors, (_, i) => theta ** ((-2 * i) / headWidth))
  const original = [...ORIGINAL_LENGTHS, context, context / factor].find((length) =>
    frequencies.every((frequency, i) => near(llama3Factor(frequency, length, factor), factors[i])),
  )
  if (original !== undefined && factor > 1)
    return {
      rope_type: "llama3",
      factor,
      low_freq_factor: LOW,
      high_freq_factor: HIGH,
      original_max_position_embeddings: original,
    }
  throw new UserError(
    `the factors in ${FREQUENCY_FACTORS} are not those of Llama 3's scaling (low_freq_factor 1, high_freq_factor 4)`,
    { where, fix: "use the original, not quantised model" },
  )
}

const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-4 * Math.abs(b)

/** What Llama 3.1 divides a frequency by: 1 for short waves, the whole factor for long ones, between them a blend. */
function llama3Factor(frequency: number, original: number, factor: number): number {
  const wavelength = (2 * Math.PI) / frequency
  const blend = Math.min(1, Math.max(0, (original / wavelength - LOW) / (HIGH - LOW)))
  return 1 / ((1 - blend) / factor + blend)
}
