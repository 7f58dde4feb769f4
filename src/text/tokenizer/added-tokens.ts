/** Finds the added tokens of a tokenizer in a text, as the reference implementation does, and nothing else. */

import { isObject } from "../../checkpoint/json.js"
import type { Normalize } from "./normalizer.js"

export interface AddedToken {
  id: number
  content: string
  /** A token of the chat format rather than of the language: decoding leaves it out. */
  special: boolean
  /** Only where no letter, digit or underscore stands beside it. */
  singleWord: boolean
  /** Takes the spaces before it, and after it, along. */
  lstrip: boolean
  rstrip: boolean
  /** Looked for in the normalised text. */
  normalized: boolean
}

/** A piece of a text: an added token, or normalised text between two of them. */
export interface Section {
  id?: number
  text?: string
  /** Where it stands in the text. A normalised text that holds added tokens has one place for all its pieces. */
  start: number
  end: number
  /** Where it begins in what normalisation made of its place. */
  offset: number
}

/** A special token is written as its text, or as an object with its text. */
export function contentOf(token: unknown): string | undefined {
  const text = isObject(token) ? token.content : token
  return typeof text === "string" && text !== "" ? text : undefined
}

const WORD_BEFORE = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u
const WORD_AFTER = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u
const SPACES_BEFORE = /\p{White_Space}*$/u
const SPACES_AFTER = /^\p{White_Space}*/u

/** Whether a token is markup: special, or written like it (<tool_call>, [INST]). A word or a run of spaces is not. */
export const isMark = ({ special, content }: AddedToken): boolean => special || /^[<[].*[>\]]$/s.test(content)

export class AddedTokens {
  /** Looked for in the text as it is, then in what normalisation makes of the rest. */
  readonly #raw: Finder
  readonly #normalized: Finder
  readonly #marks: ReadonlySet<number>

  constructor(
    tokens: readonly AddedToken[],
    readonly normalize: Normalize,
  ) {
    this.#marks = new Set(tokens.filter(isMark).map(({ id }) => id))
    this.#raw = new Finder(tokens.filter(({ normalized }) => !normalized).map((token) => [token.content, token]))
    this.#normalized = new Finder(
      tokens.filter(({ normalized }) => normalized).map((token) => [normalize(token.content), token]),
    )
  }

  /**
   * @param marks whether markup in the text is tokens, or just its characters
   * @param guards places behind the first character of markup that is just its characters all the same
   */
  split(text: string, marks: boolean, guards: ReadonlySet<number> = NONE): Section[] {
    return this.#raw.split(text, { marks, guards }).flatMap(({ id, start, end }): Section[] => {
      if (id !== undefined) return [{ id, start, end, offset: 0 }]
      const raw = text.slice(start, end)
      const normalized = this.normalize(raw)
      const guarded = this.#normalized.isEmpty
        ? NONE
        : new Set(
            guardsIn(guards, start, end).map((guard) =>
              normalizedOffset(raw, guard - start, normalized, this.normalize),
            ),
          )
      return this.#normalized.split(normalized, { marks, guards: guarded }).map((piece) => ({
        ...(piece.id === undefined ? { text: normalized.slice(piece.start, piece.end) } : { id: piece.id }),
        start,
        end,
        offset: piece.start,
      }))
    })
  }

  /** Places where markup that would be tokens begins in this text; `normalized`: there is more once it is normalised. */
  marksIn(text: string): { raw: number[]; normalized: boolean } {
    const all = { marks: true, guards: NONE }
    const isMarkId = ({ id }: Span): boolean => id !== undefined && this.#marks.has(id)
    const sections = this.#raw.split(text, all)
    const normalized = sections.some(
      ({ id, start, end }) =>
        id === undefined && this.#normalized.split(this.normalize(text.slice(start, end)), all).some(isMarkId),
    )
    return { raw: sections.filter(isMarkId).map(({ match }) => match), normalized }
  }
}

/** Place in the normalised text of a place in the text it was made from; near it where the two merge there. */
export function normalizedOffset(raw: string, offset: number, normalized: string, normalize: Normalize): number {
  if (offset <= 0) return 0
  const before = normalize(raw.slice(0, offset))
  if (normalized.startsWith(before)) return before.length
  let same = 0
  while (same < before.length && before[same] === normalized[same]) same++
  return same
}

interface Span {
  id?: number
  start: number
  end: number
  /** Where the token itself begins, without the spaces it takes along. */
  match: number
}

/** Which tokens count: all, those that are no markup, or those that stand on no guarded place. */
interface Choice {
  marks: boolean
  guards: ReadonlySet<number>
}

const NONE: ReadonlySet<number> = new Set()

/** Guarded places behind `start`, up to `end`. */
function guardsIn(guards: ReadonlySet<number>, start: number, end: number): number[] {
  if (guards.size === 0) return []
  return Array.from({ length: end - start }, (_, i) => start + 1 + i).filter((place) => guards.has(place))
}

/** Searches for many strings at once: the leftmost one, of several there the longest. */
class Finder {
  readonly #tokens: ReadonlyMap<string, AddedToken>
  readonly #all: RegExp | undefined
  readonly #words: RegExp | undefined

  constructor(entries: readonly (readonly [string, AddedToken])[]) {
    this.#tokens = new Map(entries.filter(([text]) => text !== ""))
    this.#all = anyOf([...this.#tokens.keys()])
    this.#words = anyOf([...this.#tokens].filter(([, token]) => !isMark(token)).map(([text]) => text))
  }

  get isEmpty(): boolean {
    return this.#tokens.size === 0
  }

  split(text: string, { marks, guards }: Choice): Span[] {
    const pattern = marks ? this.#all : this.#words
    const spans: Span[] = []
    let done = 0
    if (pattern) {
      pattern.lastIndex = 0
      for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
        const token = this.#tokens.get(match[0])!
        let start = match.index
        let end = start + match[0].length
        if (isMark(token) && guardsIn(guards, start, end).length > 0) {
          pattern.lastIndex = start + 1
          continue
        }
        if (token.singleWord && (WORD_BEFORE.test(text.slice(0, start)) || WORD_AFTER.test(text.slice(end)))) continue
        if (token.lstrip) start = Math.max(done, SPACES_BEFORE.exec(text.slice(0, start))!.index)
        if (token.rstrip) end += SPACES_AFTER.exec(text.slice(end))![0].length
        if (done < start) spans.push({ start: done, end: start, match: done })
        spans.push({ id: token.id, start, end, match: match.index })
        done = end
      }
    }
    if (done < text.length) spans.push({ start: done, end: text.length, match: done })
    return spans
  }
}

function anyOf(texts: readonly string[]): RegExp | undefined {
  if (texts.length === 0) return undefined
  const longestFirst = [...texts].sort((a, b) => b.length - a.length)
  return new RegExp(longestFirst.map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|"), "gu")
}
