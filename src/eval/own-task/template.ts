/** Texts with {{column}} in them. */

import { UserError } from "../../errors.js"
import { firstOf, label } from "../../readable.js"

const SLOT = /\{\{\s*([^{}]+?)\s*\}\}/g

/** Names in the slots of a template, each once. */
export const slotsOf = (template: string): string[] => [
  ...new Set([...template.matchAll(SLOT)].map(([, name]) => name)),
]

/**
 * The text with its slots filled: lists one item a line, nothing for null.
 * @throws UserError naming a column that is not there, or has no text
 */
export const filled = (template: string, values: Readonly<Record<string, unknown>>): string =>
  template.replace(SLOT, (_, name: string) => textIn(values, name))

/** The one column that a template consists of; undefined for other templates. */
export function onlySlot(template: string): string | undefined {
  const [match] = template.matchAll(SLOT)
  return match?.[0] === template.trim() ? match[1] : undefined
}

function textIn(values: Readonly<Record<string, unknown>>, name: string): string {
  const value = valueIn(values, name)
  if (value === null) return ""
  if (Array.isArray(value)) return value.map((item) => plain(item, name)).join("\n")
  return plain(value, name)
}

/** @throws UserError when there is no such column */
export function valueIn(values: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(values, name)) return values[name] ?? null
  throw new UserError("the document has no such column", {
    where: label(name),
    fix: `its columns are ${firstOf(Object.keys(values).map(label), 30).join(", ") || "none"}`,
  })
}

export function plain(value: unknown, name: string): string {
  if (typeof value === "string") return value
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value)
  throw new UserError("it is no text, number or list of them", { where: label(name) })
}
