/** Sets of Unicode code points, as ascending ranges, and their UTF-8. */

import type { GrammarBuilder, Node } from "./nodes.js"

/** [first, last] of each, ascending, with something between them. */
export type CodePoints = readonly (readonly [first: number, last: number])[]

const LAST = 0x10ffff
/** Halves of characters, which UTF-8 cannot write. */
const SURROGATES: CodePoints = [[0xd800, 0xdfff]]

export function union(...sets: readonly CodePoints[]): CodePoints {
  const all = sets.flat().sort((a, b) => a[0] - b[0])
  const merged: [number, number][] = []
  for (const [first, last] of all) {
    const before = merged[merged.length - 1]
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last)
    else merged.push([first, last])
  }
  return merged
}

export function complement(set: CodePoints): CodePoints {
  const rest: [number, number][] = []
  let from = 0
  for (const [first, last] of set) {
    if (first > from) rest.push([from, first - 1])
    from = last + 1
  }
  if (from <= LAST) rest.push([from, LAST])
  return rest
}

export const intersection = (a: CodePoints, b: CodePoints): CodePoints =>
  complement(union(complement(a), complement(b)))

/** The characters of a text. */
export const charactersOf = (text: string): CodePoints =>
  union(Array.from(text, (character) => [character.codePointAt(0)!, character.codePointAt(0)!]))

export const DIGITS: CodePoints = [[0x30, 0x39]]
export const WORD: CodePoints = union(DIGITS, [
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
])
/** As \s of JavaScript. */
export const SPACE: CodePoints = union([
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
])
const LINE_ENDS: CodePoints = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
]
/** What `.` is. */
export const NO_LINE_END = complement(LINE_ENDS)

const properties = new Map<string, CodePoints>()

/**
 * The characters of a Unicode property, such as "L" or "Script=Greek".
 * @returns undefined where there is none of this name
 */
export function property(name: string): CodePoints | undefined {
  const known = properties.get(name)
  if (known) return known
  let pattern: RegExp
  try {
    pattern = new RegExp(`^\\p{${name}}$`, "u")
  } catch {
    return undefined
  }
  const ranges: [number, number][] = []
  let last = -2
  for (let code = 0; code <= LAST; code++) {
    if (!pattern.test(String.fromCodePoint(code))) continue
    if (code === last + 1) ranges[ranges.length - 1][1] = code
    else ranges.push([code, code])
    last = code
  }
  properties.set(name, ranges)
  return ranges
}

/** Of sets that are asked for again, by the builder: classes such as \p{L} have hundreds of ranges. */
const encoded = new WeakMap<GrammarBuilder, Map<CodePoints, Node>>()

/** The UTF-8 of one of the characters. */
export function utf8(builder: GrammarBuilder, set: CodePoints): Node {
  const known = encoded.get(builder) ?? new Map<CodePoints, Node>()
  encoded.set(builder, known)
  const node = known.get(set) ?? encode(builder, set)
  known.set(set, node)
  return node
}

function encode(builder: GrammarBuilder, set: CodePoints): Node {
  const whole = intersection(set, complement(SURROGATES))
  const within = (first: number, last: number): CodePoints => intersection(whole, [[first, last]])
  const ascii = within(0, 0x7f).flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i),
  )
  return builder.choice(
    builder.bytes(ascii),
    continued(builder, within(0x80, 0x7ff), 1, 0xc0),
    continued(builder, within(0x800, 0xffff), 2, 0xe0),
    continued(builder, within(0x10000, LAST), 3, 0xf0),
  )
}

/**
 * A byte of the numbers' leading digits above `lead`, and `behind` more with six bits each: numbers that differ in the
 * first byte only share what follows.
 */
function continued(builder: GrammarBuilder, set: CodePoints, behind: number, lead: number): Node {
  if (set.length === 0) return builder.never
  const size = 64 ** behind
  const any = builder.repeat(builder.range(0x80, 0xbf), behind, behind)
  const follow = new Map<Node, number[]>()
  for (let digit = Math.floor(set[0][0] / size); digit <= Math.floor(set[set.length - 1][1] / size); digit++) {
    const from = digit * size
    const inside = set
      .filter(([first, last]) => first < from + size && last >= from)
      .map(([first, last]) => [Math.max(first - from, 0), Math.min(last - from, size - 1)] as const)
    if (inside.length === 0) continue
    const isAny = inside[0][0] === 0 && inside[0][1] === size - 1
    const rest = isAny ? any : continued(builder, inside, behind - 1, 0x80)
    follow.set(rest, [...(follow.get(rest) ?? []), lead + digit])
  }
  return builder.choice(...Array.from(follow, ([rest, bytes]) => builder.sequence(builder.bytes(bytes), rest)))
}
