/** Requests of every protocol, checked against their schema: one sentence for what is wrong, as an ApiError. */

import { z } from "zod"
import { check } from "../../checkpoint/schema-check.js"
import { UserError } from "../../errors.js"
import { label } from "../../readable.js"
import { essentialIssues } from "../../schema-issues.js"
import { invalid } from "../api-error.js"

/** A key that may be left out, or null, which means the same. */
export const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined)

/** A key that is known and changes nothing here. */
export const ignored = z.unknown().optional()

/** Deeper than any request: what walks through a value must come to an end. */
const DEEPEST = 100

/** @throws ApiError naming the first key that cannot be right */
export function readRequest<T>(schema: z.ZodType<T>, value: unknown): T {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid("the body of the request must be a JSON object")
  if (isDeeperThan(value, DEEPEST)) throw invalid(`the body of the request is nested more than ${DEEPEST} levels deep`)
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = essentialIssues(result.error.issues)
  const at = issue.path.map(String).join(".")
  if (issue.code === "unrecognized_keys") {
    const key = [...issue.path.map(String), issue.keys[0]].join(".")
    throw invalid(`Unrecognized request argument supplied: ${label(key)}`, key.slice(0, 100))
  }
  try {
    check(schema, value, "")
  } catch (error) {
    throw error instanceof UserError ? invalid(error.message, at.slice(0, 100) || undefined) : error
  }
  throw invalid("the request cannot be read", at)
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false
  return levels === 0 || Object.values(value).some((inside) => isDeeperThan(inside, levels - 1))
}

/** @throws ApiError for each key that is there and asks for what this server cannot do */
export function refuse(value: Record<string, unknown>, sentences: Record<string, string>): void {
  for (const [key, sentence] of Object.entries(sentences)) {
    const found = value[key]
    const asksNothing =
      found === undefined ||
      found === null ||
      found === 0 ||
      found === false ||
      (typeof found === "object" && Object.keys(found).length === 0)
    if (!asksNothing) throw invalid(sentence, key, "unsupported_parameter")
  }
}
