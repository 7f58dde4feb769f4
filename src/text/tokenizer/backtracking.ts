/** Whether a regular expression may need exponential or high polynomial time. Errs on the side of yes. */

interface Found {
  /** Parts that can match in more than one length: any, and those without a small bound. */
  variable: number
  unbounded: number
  alternatives: boolean
  risky: boolean
}

/** Bounded repetitions above this are as bad as unbounded ones. */
const SMALL = 16
const MOST_UNBOUNDED = 2
const MOST_VARIABLE = 8

/**
 * The patterns of the known tokenizers pass: no repeated group has a choice inside, and no branch has more than two
 * unbounded parts.
 */
export function mayBacktrack(pattern: string): boolean {
  const reader = { pattern, at: 0 }
  while (reader.at < pattern.length) {
    if (group(reader).risky) return true
    reader.at++ // a closing bracket too many; the engine will refuse it
  }
  return false
}

/** Reads up to the end of a group (or of the pattern): the worst of its branches. */
function group(reader: { pattern: string; at: number }): Found {
  const { pattern } = reader
  const worst: Found = { variable: 0, unbounded: 0, alternatives: false, risky: false }
  let branch = { variable: 0, unbounded: 0 }
  const close = (): void => {
    worst.variable = Math.max(worst.variable, branch.variable)
    worst.unbounded = Math.max(worst.unbounded, branch.unbounded)
    if (branch.unbounded > MOST_UNBOUNDED || branch.variable > MOST_VARIABLE) worst.risky = true
    branch = { variable: 0, unbounded: 0 }
  }
  while (reader.at < pattern.length && pattern[reader.at] !== ")") {
    if (pattern[reader.at] === "|") {
      worst.alternatives = true
      close()
      reader.at++
      continue
    }
    let inner: Found | undefined
    if (pattern[reader.at] === "(") {
      reader.at++
      inner = group(reader)
      reader.at++
    } else skipAtom(reader)
    const [least, most] = quantifier(reader)
    if (inner) {
      const choice = inner.variable > 0 || inner.alternatives
      worst.risky ||= inner.risky || (most > 1 && choice)
      branch.variable += inner.variable
      branch.unbounded += inner.unbounded
    }
    if (most !== least) branch.variable++
    if (most > SMALL && most !== least) branch.unbounded++
  }
  close()
  return worst
}

/** A character, an escape or a class. */
function skipAtom(reader: { pattern: string; at: number }): void {
  const { pattern } = reader
  if (pattern[reader.at] === "\\") {
    reader.at += /[pP]\{/.test(pattern.slice(reader.at + 1, reader.at + 3)) ? escapeLength(reader) : 2
    return
  }
  if (pattern[reader.at] !== "[") {
    reader.at++
    return
  }
  // Oniguruma's classes nest.
  let depth = 0
  for (; reader.at < pattern.length; reader.at++) {
    const c = pattern[reader.at]
    if (c === "\\") reader.at++
    else if (c === "[") depth++
    else if (c === "]" && --depth === 0) break
  }
  reader.at++
}

const escapeLength = ({ pattern, at }: { pattern: string; at: number }): number => {
  const end = pattern.indexOf("}", at)
  return end < 0 ? 2 : end + 1 - at
}

/** How often the part before may repeat. */
function quantifier(reader: { pattern: string; at: number }): [least: number, most: number] {
  const { pattern } = reader
  const [text, range] = /^(?:[*+?]|\{(\d*,?\d*)\})[?+]?/.exec(pattern.slice(reader.at, reader.at + 32)) ?? [""]
  reader.at += text.length
  if (text === "") return [1, 1]
  if (range === undefined) return text[0] === "?" ? [0, 1] : [text[0] === "*" ? 0 : 1, Number.POSITIVE_INFINITY]
  const [least, most = least] = range.split(",")
  return [Number(least), most === "" ? Number.POSITIVE_INFINITY : Number(most)]
}
