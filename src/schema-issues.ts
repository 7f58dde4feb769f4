/** What a zod schema finds wrong, without what is said twice. */

import type { z } from "zod"

/** The issues that count, those of one key together. */
export function essentialIssues(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  const places = new Map<string, z.core.$ZodIssue[]>()
  for (const issue of issues) {
    const place = JSON.stringify(issue.path.map(String))
    places.set(place, [...(places.get(place) ?? []), issue])
  }
  return [...places.values()].flatMap(essential)
}

/** Of the issues at one place: rules that set keys in relation count when the value is right by itself; the narrowest limit. */
function essential(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  const plain = issues.filter(({ code }) => code !== "custom")
  if (plain.length === 0) return [...issues]
  const limits = plain.flatMap((issue) => (issue.code === "too_big" ? [Number(issue.maximum)] : []))
  const floors = plain.flatMap((issue) => (issue.code === "too_small" ? [Number(issue.minimum)] : []))
  return plain.filter(
    (issue) =>
      (issue.code !== "too_big" || Number(issue.maximum) === Math.min(...limits)) &&
      (issue.code !== "too_small" || Number(issue.minimum) === Math.max(...floors)),
  )
}
