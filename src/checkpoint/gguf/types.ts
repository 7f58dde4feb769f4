/** Tensor types of GGUF files: which are known, how many weights and bytes a block has. */
import { UserError } from "../../errors.js"
import { label } from "../../readable.js"

/** The types that can be dequantised. */
export type GgufType = "F32" | "F16" | "BF16" | "Q4_0" | "Q4_1" | "Q5_0" | "Q5_1" | "Q8_0" | "Q4_K" | "Q5_K" | "Q6_K"

export interface BlockSize {
  /** Weights of one block; a row has whole blocks. */
  weights: number
  bytes: number
}

export const BLOCK_SIZES: Record<GgufType, BlockSize> = {
  F32: { weights: 1, bytes: 4 },
  F16: { weights: 1, bytes: 2 },
  BF16: { weights: 1, bytes: 2 },
  Q4_0: { weights: 32, bytes: 18 },
  Q4_1: { weights: 32, bytes: 20 },
  Q5_0: { weights: 32, bytes: 22 },
  Q5_1: { weights: 32, bytes: 24 },
  Q8_0: { weights: 32, bytes: 34 },
  Q4_K: { weights: 256, bytes: 144 },
  Q5_K: { weights: 256, bytes: 176 },
  Q6_K: { weights: 256, bytes: 210 },
}

/** Names of the numbers in files, as ggml has them; those that are not in BLOCK_SIZES are named in errors only. */
const NAMES = new Map<number, string>([
  [0, "F32"],
  [1, "F16"],
  [2, "Q4_0"],
  [3, "Q4_1"],
  [4, "Q4_2"],
  [5, "Q4_3"],
  [6, "Q5_0"],
  [7, "Q5_1"],
  [8, "Q8_0"],
  [9, "Q8_1"],
  [10, "Q2_K"],
  [11, "Q3_K"],
  [12, "Q4_K"],
  [13, "Q5_K"],
  [14, "Q6_K"],
  [15, "Q8_K"],
  [16, "IQ2_XXS"],
  [17, "IQ2_XS"],
  [18, "IQ3_XXS"],
  [19, "IQ1_S"],
  [20, "IQ4_NL"],
  [21, "IQ3_S"],
  [22, "IQ2_S"],
  [23, "IQ4_XS"],
  [24, "I8"],
  [25, "I16"],
  [26, "I32"],
  [27, "I64"],
  [28, "F64"],
  [29, "IQ1_M"],
  [30, "BF16"],
  [34, "TQ1_0"],
  [35, "TQ2_0"],
  [39, "MXFP4"],
  [40, "NVFP4"],
  [41, "Q1_0"],
])

export const KNOWN_TYPES = Object.keys(BLOCK_SIZES) as GgufType[]

const isKnown = (name: string | undefined): name is GgufType => name !== undefined && Object.hasOwn(BLOCK_SIZES, name)

/**
 * Type of a tensor from its number in the file.
 * @throws UserError naming the tensor, its type and the types that can be read
 */
export function typeOfNumber(number: number, tensor: string, file: string): GgufType {
  const name = NAMES.get(number)
  if (isKnown(name)) return name
  const type = name ? `${name} (number ${number})` : `of number ${number}`
  throw new UserError(
    `tensor ${label(tensor)}: type ${type} is not supported; supported are ${KNOWN_TYPES.join(", ")}`,
    { where: file, fix: "use a file of this model in one of these, for example a Q4_K_M, Q6_K, Q8_0 or F16 one" },
  )
}
