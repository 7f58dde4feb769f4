/** The types of JSON values, as JSON Schema names them. */

export const TYPES = ["object", "array", "string", "number", "integer", "boolean", "null"] as const
export type TypeName = (typeof TYPES)[number]

export function typeOfValue(value: unknown): TypeName {
  if (value === null) return "null"
  if (Array.isArray(value)) return "array"
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number"
  return typeof value as TypeName
}

/** Types of which values are in both: every integer is a number. */
export function commonTypes(a: readonly TypeName[], b: readonly TypeName[]): TypeName[] {
  const common = a.filter((type) => b.includes(type) || (type === "integer" && b.includes("number")))
  const integers = b.includes("integer") && a.includes("number") && !common.includes("integer")
  return integers ? [...common, "integer"] : common
}
