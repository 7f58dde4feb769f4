/** What a schema finds wrong, as sentences about keys. */

import type { z } from "zod"
import { shown } from "../../readable.js"
import { essentialIssues } from "../../schema-issues.js"
import { unknownKeys } from "./known-keys.js"
import { renamedKey, renamedValue } from "./renamed-keys.js"

export interface Problem {
  path: PropertyKey[]
  what: string
}

const KINDS: Record<string, string> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "a section with keys",
  record: "a section with keys",
}

/** What is wrong with each key, the unknown ones among them: nothing twice in other words. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], value: unknown, schema: z.ZodType): Problem[] {
  const problems = essentialIssues(issues).flatMap((issue): Problem[] => {
    if (issue.code !== "unrecognized_keys")
      return [{ path: issue.path, what: sentence(issue, valueAt(value, issue.path)) }]
    const sentences = unknownKeys(schema, issue.path, issue.keys)
    return issue.keys.map((key, i) => ({ path: [...issue.path, key], what: renamedKey(key) ?? sentences[i] }))
  })
  return [
    ...new Map(problems.map((problem) => [JSON.stringify([problem.path.map(String), problem.what]), problem])).values(),
  ]
}

/** What stands at a place; undefined where nothing does. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce(
    (at: unknown, key) =>
      typeof at === "object" && at !== null && Object.hasOwn(at, key) ? Reflect.get(at, key) : undefined,
    value,
  )
}

function sentence(issue: z.core.$ZodIssue, value: unknown): string {
  // A key without a value is null in YAML.
  const found = shown(value ?? undefined)
  switch (issue.code) {
    case "invalid_type":
      if (value === undefined) return "this key is missing"
      return `must be ${KINDS[issue.expected] ?? issue.expected}, not ${found}`
    case "invalid_value":
      if (renamedValue(issue.path.at(-1), value)) return renamedValue(issue.path.at(-1), value)!
      return `must be one of ${issue.values.map(String).join(", ")}, not ${found}`
    case "too_small":
    case "too_big": {
      const small = issue.code === "too_small"
      const limit = String(small ? issue.minimum : issue.maximum)
      if (issue.origin === "array" || issue.origin === "string") {
        if (issue.origin === "string" && small && limit === "1") return "must not be empty"
        const [one, many] = issue.origin === "array" ? ["entry", "entries"] : ["character", "characters"]
        return `must have ${small ? "at least" : "at most"} ${limit} ${limit === "1" ? one : many}`
      }
      const bound = issue.inclusive ? (small ? "at least" : "at most") : small ? "above" : "below"
      return `must be ${bound} ${limit}, not ${found}`
    }
    case "invalid_union": {
      const takes = alternatives(issue.errors)
      return takes ? `must be ${takes}, not ${found}` : `${found} is not what this key takes`
    }
    case "custom":
      return issue.message
    default:
      return `${found} is not what this key takes`
  }
}

/** What a value may be of which no alternative has the kind; undefined where one has, and the trouble is inside of it. */
function alternatives(errors: readonly (readonly z.core.$ZodIssue[])[]): string | undefined {
  const takes = errors.map((issues) =>
    issues.flatMap((issue) => {
      if (issue.path.length > 0) return []
      if (issue.code === "invalid_value") return issue.values.map(String)
      return issue.code === "invalid_type" ? [KINDS[issue.expected] ?? issue.expected] : []
    }),
  )
  if (takes.some((kinds) => kinds.length === 0)) return undefined
  const all = [...new Set(takes.flat())]
  return all.length === 1 ? all[0] : `${all.slice(0, -1).join(", ")}, or ${all.at(-1)}`
}
