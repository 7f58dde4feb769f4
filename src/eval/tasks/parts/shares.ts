/** Shares of what is right, over all and by groups. */

import type { PartScore } from "../../task/task.js"

/** Members of each group, in the order in which groups are first seen. */
export function grouped<T>(values: readonly T[], nameOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const value of values) {
    const name = nameOf(value)
    const group = groups.get(name)
    if (group) group.push(value)
    else groups.set(name, [value])
  }
  return groups
}

/** null of nothing. */
export const shareOf = <T>(values: readonly T[], isRight: (value: T) => boolean): number | null =>
  values.length === 0 ? null : values.filter(isRight).length / values.length

export function sharesBy<T>(
  values: readonly T[],
  nameOf: (value: T) => string,
  isRight: (value: T) => boolean,
): PartScore[] {
  return [...grouped(values, nameOf)].map(([name, group]) => ({
    name,
    count: group.length,
    score: shareOf(group, isRight)!,
  }))
}
