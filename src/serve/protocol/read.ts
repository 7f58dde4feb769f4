/** Requests of every protocol, checked against their schema: one sentence for what is wrong, as an ApiError. */

import { z } from "zod"
import { problemsOf } from "../../checkpoint/schema-check.js"
import { label } from "../../readable.js"
import { essentialIssues } from "../../schema-issues.js"
import { invalid } from "../api-error.js"

/** A key that may be left out, or null, which means the same. */
export const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined)

/** A key that is known and changes nothing here. */
export const ignored = z.unknown().optional()

/** Deeper than any request: what walks through a value must come to an end. */
const DEEPEST = 100
/** Lists and objects: messages, their parts, schemas. */
const MOST_PARTS = 16_384
/** What is wrong that is told; there may be thousands. */
const MOST_ISSUES = 5

/** @throws ApiError naming the first key that cannot be right */
export function readRequest<T>(schema: z.ZodType<T>, value: unknown): T {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid("the body of the request must be a JSON object")
  requireModest(value)
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issues = essentialIssues(result.error.issues.slice(0, MOST_ISSUES))
  const [issue] = issues
  const at = issue.path.map(String).join(".")
  if (issue.code === "unrecognized_keys") {
    const key = [...issue.path.map(String), issue.keys[0]].join(".")
    throw invalid(`Unrecognized request argument supplied: ${label(key)}`, key.slice(0, 100))
  }
  throw invalid(problemsOf(issues, value, ""), at.slice(0, 100) || undefined)
}

/** Checking against a schema takes a while for each part, whether it is right or not. */
function requireModest(value: object): void {
  let parts = 0
  const look = (inside: unknown, levels: number): void => {
    if (typeof inside !== "object" || inside === null) return
    if (levels === 0) throw invalid(`the body of the request is nested more than ${DEEPEST} levels deep`)
    if (++parts > MOST_PARTS) throw invalid(`the body of the request has more than ${MOST_PARTS} lists and objects`)
    for (const one of Object.values(inside)) look(one, levels - 1)
  }
  look(value, DEEPEST)
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
