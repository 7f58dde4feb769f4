/** Element types of stored tensors: names, sizes, safetensors codes, and widening to float32. Knows no engine. */

/** The engine uses the same names, so that a location can be handed to it as it is. */
export type ElementType =
  | "uint8"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "float16"
  | "float32"
  | "float64"
  | "bool"
  | "bfloat16"

/** Bytes of one element. */
export const ELEMENT_BYTES: Record<ElementType, number> = {
  uint8: 1,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  float16: 2,
  float32: 4,
  float64: 8,
  bool: 1,
  bfloat16: 2,
}

/** Codes in safetensors headers, in the library's own order: its writer sorts files by it, widest types first. */
const CODES: [ElementType, string][] = [
  ["bool", "BOOL"],
  ["uint8", "U8"],
  ["int8", "I8"],
  ["int16", "I16"],
  ["float16", "F16"],
  ["bfloat16", "BF16"],
  ["int32", "I32"],
  ["float32", "F32"],
  ["float64", "F64"],
  ["int64", "I64"],
]
const TYPE_BY_CODE = new Map(CODES.map(([type, code]) => [code, type]))
const CODE_BY_TYPE = new Map(CODES)
const RANK = new Map(CODES.map(([type], rank) => [type, rank]))

export const KNOWN_CODES = CODES.map(([, code]) => code)

/** Element type of a safetensors code such as "BF16"; undefined when this project cannot store it. */
export function typeOfCode(code: string): ElementType | undefined {
  return TYPE_BY_CODE.get(code)
}

export function codeOfType(type: ElementType): string {
  return CODE_BY_TYPE.get(type)!
}

/** Order of types inside a file (larger first), as the reference writer has it. */
export function rankOfType(type: ElementType): number {
  return RANK.get(type)!
}

export function isFloatType(type: ElementType): boolean {
  return type === "float32" || type === "bfloat16" || type === "float16" || type === "float64"
}

/** Widens little-endian bf16, fp16, fp32 bytes to float32, exactly. Copies; the input may be unaligned. */
export function toFloat32(bytes: Uint8Array, type: ElementType): Float32Array {
  const aligned = bytes.slice()
  if (type === "float32") return new Float32Array(aligned.buffer)
  if (type !== "bfloat16" && type !== "float16") throw new TypeError(`cannot widen ${type} to float32`)
  const halves = new Uint16Array(aligned.buffer)
  const bits = new Uint32Array(halves.length)
  if (type === "bfloat16") for (let i = 0; i < halves.length; i++) bits[i] = halves[i] << 16
  else for (let i = 0; i < halves.length; i++) bits[i] = halfBits(halves[i])
  return new Float32Array(bits.buffer)
}

/** float32 bit pattern of a float16 bit pattern (subnormals, infinities and NaN payloads included). */
function halfBits(half: number): number {
  const sign = (half & 0x8000) << 16
  const exponent = (half >> 10) & 0x1f
  let mantissa = half & 0x3ff
  if (exponent === 0x1f) return sign | 0x7f800000 | (mantissa << 13)
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (mantissa << 13)
  if (mantissa === 0) return sign
  let shifted = 113
  while ((mantissa & 0x400) === 0) {
    mantissa <<= 1
    shifted--
  }
  return sign | (shifted << 23) | ((mantissa & 0x3ff) << 13)
}
