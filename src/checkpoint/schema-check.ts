/** Checks values from files against a zod schema, with every problem as a sentence that names the key. */
import type { z } from "zod"
import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import { essentialIssues } from "../schema-issues.js"

/** Problems that one message lists; a damaged file can have thousands. */
const MOST = 5

const KINDS: Record<string, string> = {
  number: "a number",
  int: "a whole number",
  string: "a text",
  boolean: "true or false",
  array: "a list",
  tuple: "a list",
  object: "an object",
  record: "an object",
}

/** @throws UserError listing the keys that cannot be right. `at` is the key that `value` stands under. */
export function check<T>(schema: z.ZodType<T>, value: unknown, at: string, where?: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new UserError(problemsOf(essentialIssues(result.error.issues), value, at), { where })
}

/** What is wrong with a value, as sentences that name the keys. `at` is the key that it stands under. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], value: unknown, at: string): string {
  const sentences = issues.slice(0, MOST).map((issue) => {
    const key = [at, ...issue.path.map(String)].filter((part) => part !== "").join(".")
    return `${key || "it"}: ${problemOf(issue, valueAt(value, issue.path))}`
  })
  const more = issues.length - MOST
  return sentences.join("; ") + (more > 0 ? `; and ${more} more` : "")
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value
  for (const key of path) found = (found as Record<PropertyKey, unknown> | null | undefined)?.[key]
  return found
}

function problemOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === undefined) return "is missing"
  return `expected ${expectation(issue)}, found ${shown(value)}`
}

/** What a value should have been, to stand behind "expected". */
function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return KINDS[issue.expected] ?? issue.expected
    case "invalid_value":
      return issue.values.map((value) => JSON.stringify(value)).join(" or ")
    case "too_small":
      return issue.origin === "array"
        ? `a list of at least ${issue.minimum}`
        : `${issue.inclusive ? "at least" : "above"} ${issue.minimum}`
    case "too_big":
      return issue.origin === "array"
        ? `a list of at most ${issue.maximum}`
        : `${issue.inclusive ? "at most" : "below"} ${issue.maximum}`
    case "invalid_union": {
      const kinds = issue.errors.flatMap((errors) => errors.slice(0, 1).map(expectation))
      return [...new Set(kinds)].join(" or ") || "of another kind"
    }
    case "custom":
      return issue.message ?? "another value"
    default:
      return "another value"
  }
}
