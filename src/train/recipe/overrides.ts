/** Keys that win over those of a recipe's file. Knows no key. */

import { UserError } from "../../errors.js"
import { readable } from "../../readable.js"

/** As `--set` takes it, "train.max_steps=100", with a value in YAML; or what an option of a command stands for. */
export type Override = string | OptionValue

export interface OptionValue {
  key: string
  value: unknown
  /** As it was typed, such as --tower: for errors. */
  option: string
}

/** Which key an override has set, whole names of places in lists being their numbers. */
export interface SetKey {
  path: readonly string[]
  option?: string
}

/**
 * @param parse reads a value in YAML
 * @returns a copy of the value with the keys set
 */
export function withOverrides(
  file: unknown,
  overrides: readonly Override[],
  parse: (text: string, where: string) => unknown,
): { value: unknown; set: SetKey[] } {
  let value = file
  const set = overrides.map((override): SetKey => {
    const { key, leaf, option } = split(override, parse)
    const path = numbered(value, key.split("."))
    const bad = (fix: string): UserError =>
      new UserError(`${option ?? `"${readable(String(override))}"`} does not fit the recipe`, {
        where: option ?? "--set",
        fix,
      })
    value = withKey(value ?? {}, path, leaf, bad)
    return { path, ...(option !== undefined && { option }) }
  })
  return { value, set }
}

function split(override: Override, parse: (text: string, where: string) => unknown) {
  if (typeof override !== "string") return { key: override.key, leaf: override.value, option: override.option }
  const at = override.indexOf("=")
  const key = override.slice(0, Math.max(0, at))
  if (at < 1 || key.split(".").some((part) => part.trim() === ""))
    throw new UserError(`"${readable(override)}" is not KEY=VALUE`, {
      where: "--set",
      fix: "for example: --set train.max_steps=100",
    })
  return { key, leaf: parse(override.slice(at + 1), `--set ${readable(override)}`), option: undefined }
}

const nameOf = (entry: unknown): unknown =>
  typeof entry === "object" && entry !== null && "name" in entry ? entry.name : undefined

/** In a list a name means the entry that is called so. */
function numbered(value: unknown, path: readonly string[]): string[] {
  let at = value
  return path.map((part) => {
    const index = Array.isArray(at) && !/^\d+$/.test(part) ? at.findIndex((entry) => nameOf(entry) === part) : -1
    const found = index < 0 ? part : String(index)
    at = typeof at === "object" && at !== null && Object.hasOwn(at, found) ? Reflect.get(at, found) : undefined
    return found
  })
}

/** A copy with one key set; sections that are not there are made. */
function withKey(
  value: unknown,
  [part, ...rest]: readonly string[],
  leaf: unknown,
  bad: (fix: string) => UserError,
): unknown {
  if (part === undefined) return leaf
  if (Array.isArray(value)) {
    const index = /^\d{1,6}$/.test(part) ? Number(part) : Number.NaN
    // Only a whole value is put behind the last: part of one would be a slip, such as counting from 1.
    if (!(index < value.length || (index === value.length && rest.length === 0)))
      throw bad(`${readable(part)} is no place of a list of ${value.length}${placesOf(value)}`)
    const copy = [...value]
    copy[index] = withKey(copy[index] ?? {}, rest, leaf, bad)
    return copy
  }
  if (typeof value !== "object" || value === null)
    throw bad(`there are no keys in a value: ${readable(part)} is too much`)
  if (part === "__proto__") throw bad("there is no such key")
  const child = Object.hasOwn(value, part) ? (value as Record<string, unknown>)[part] : undefined
  return { ...value, [part]: withKey(child ?? {}, rest, leaf, bad) }
}

function placesOf(list: readonly unknown[]): string {
  if (list.length === 0) return ""
  const names = list.map(nameOf).filter((name) => typeof name === "string")
  const named = names.length > 0 ? `, or called by their names: ${readable(names.join(", "))}` : ""
  return `: they are counted from 0 to ${list.length - 1}${named}`
}
