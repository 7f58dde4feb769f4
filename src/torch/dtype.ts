/** Element types and devices: names used everywhere above, numbers used by libtorch. */

export type DType =
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

/** c10::ScalarType numbers. */
const CODES: Record<DType, number> = {
  uint8: 0,
  int8: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  float16: 5,
  float32: 6,
  float64: 7,
  bool: 11,
  bfloat16: 15,
}
const NAMES: (DType | undefined)[] = []
for (const [name, code] of Object.entries(CODES)) NAMES[code] = name as DType

export const BYTES: Record<DType, number> = {
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

export function dtypeCode(dtype: DType): number {
  const code = CODES[dtype]
  if (code === undefined) throw new TypeError(`unknown dtype "${dtype}"; known: ${Object.keys(CODES).join(", ")}`)
  return code
}

/** Types the project never makes keep a readable name, so that nothing fails on the way through. */
export function dtypeName(code: number): DType {
  return NAMES[code] ?? (`scalar-type-${code}` as DType)
}

export function isFloat(dtype: DType): boolean {
  return dtype === "float32" || dtype === "bfloat16" || dtype === "float16" || dtype === "float64"
}

/** "cpu", "cuda:0", "mps", "meta". */
export type Device = string

/** c10::DeviceType numbers. */
const DEVICE_NAMES: Record<number, string> = { 1: "cuda", 13: "mps", 14: "meta" }

export function deviceName(type: number, index: number): Device {
  if (type === 0) return "cpu"
  const name = DEVICE_NAMES[type] ?? `device-type-${type}`
  return name === "cuda" ? `cuda:${index}` : name
}
