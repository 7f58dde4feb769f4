/** Finds the added tokens of a tokenizer in a text, as the reference implementation does, and nothing else. */

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

/** A piece of a text: an added token, or normalised text between them. */
export type Section = number | string

type Normalize = (text: string) => string

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

  constructor(
    tokens: readonly AddedToken[],
    readonly normalize: Normalize,
  ) {
    this.#raw = new Finder(tokens.filter(({ normalized }) => !normalized).map((token) => [token.content, token]))
    this.#normalized = new Finder(
      tokens.filter(({ normalized }) => normalized).map((token) => [normalize(token.content), token]),
    )
  }

  /** @param marks whether markup in the text is tokens, or just its characters */
  split(text: string, marks: boolean): Section[] {
    const accepts = marks ? () => true : (token: AddedToken) => !isMark(token)
    return this.#raw
      .split(text, accepts)
      .flatMap((section) =>
        typeof section === "number" ? [section] : this.#normalized.split(this.normalize(section), accepts),
      )
  }
}

/** Searches for many strings at once: the leftmost one, of several there the longest. */
class Finder {
  readonly #tokens: ReadonlyMap<string, AddedToken>
  readonly #pattern: RegExp | undefined

  constructor(entries: readonly (readonly [string, AddedToken])[]) {
    this.#tokens = new Map(entries.filter(([text]) => text !== ""))
    const longestFirst = [...this.#tokens.keys()].sort((a, b) => b.length - a.length)
    if (longestFirst.length > 0)
      this.#pattern = new RegExp(
        longestFirst.map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|"),
        "gu",
      )
  }

  split(text: string, accepts: (token: AddedToken) => boolean): Section[] {
    if (!this.#pattern) return text === "" ? [] : [text]
    const sections: Section[] = []
    let done = 0
    for (const { 0: found, index } of text.matchAll(this.#pattern)) {
      const token = this.#tokens.get(found)!
      let start = index
      let end = index + found.length
      if (!accepts(token)) continue
      if (token.singleWord && (WORD_BEFORE.test(text.slice(0, start)) || WORD_AFTER.test(text.slice(end)))) continue
      if (token.lstrip) start = Math.max(done, SPACES_BEFORE.exec(text.slice(0, start))!.index)
      if (token.rstrip) end += SPACES_AFTER.exec(text.slice(end))![0].length
      if (done < start) sections.push(text.slice(done, start))
      sections.push(token.id)
      done = end
    }
    if (done < text.length) sections.push(text.slice(done))
    return sections
  }
}
