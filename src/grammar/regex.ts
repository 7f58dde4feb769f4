/**
 * Regular expressions → grammars. The syntax is JavaScript's with the flag u, as far as it is regular: what looks around
 * or back is refused. Lazy quantifiers match the same texts as greedy ones.
 */

import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import {
  type CodePoints,
  charactersOf,
  complement,
  DIGITS,
  NO_LINE_END,
  property,
  SPACE,
  union,
  WORD,
} from "./code-points.js"
import type { GrammarBuilder, Node } from "./nodes.js"

export interface RegexOptions {
  /** How one of several characters is written. */
  encode(characters: CodePoints): Node
  /** The whole text must match, as if it began with ^ and ended with $; else it may be anywhere in it. */
  whole: boolean
  /** Where the pattern is from, for errors. */
  where?: string
}

const DEEPEST = 200
const MOST_REPEATS = 1_000_000
const ANY: CodePoints = [[0, 0x10ffff]]

const SHORTHANDS: Record<string, CodePoints> = {
  d: DIGITS,
  D: complement(DIGITS),
  w: WORD,
  W: complement(WORD),
  s: SPACE,
  S: complement(SPACE),
}
const CONTROLS: Record<string, number> = { t: 9, n: 10, v: 11, f: 12, r: 13, "0": 0 }

/** @throws UserError naming the place, for what is no pattern or none that can be followed */
export function regexGrammar(builder: GrammarBuilder, pattern: string, options: RegexOptions): Node {
  return new RegexReader(builder, pattern, options).read()
}

class RegexReader {
  readonly #builder: GrammarBuilder
  /** By characters, not by halves of them. */
  readonly #pattern: readonly string[]
  readonly #options: RegexOptions
  #at = 0
  #depth = 0

  constructor(builder: GrammarBuilder, pattern: string, options: RegexOptions) {
    this.#builder = builder
    this.#pattern = Array.from(pattern)
    this.#options = options
  }

  read(): Node {
    const branches: Node[] = []
    do branches.push(this.#branch())
    while (this.#takes("|"))
    if (this.#at < this.#pattern.length) throw this.#refused("a bracket is closed that was not opened")
    return this.#builder.choice(...branches)
  }

  /** An alternative of the whole pattern, which may be anchored. */
  #branch(): Node {
    const { whole, encode } = this.#options
    const anywhere = whole ? this.#builder.empty : this.#builder.repeat(encode(ANY), 0)
    const begins = this.#takes("^") || whole
    const body = this.#sequence()
    const ends = this.#takes("$") || whole
    if (this.#peek() !== undefined && this.#peek() !== "|" && this.#peek() !== ")")
      throw this.#refused("$ can stand at the end of the pattern or of one of its outermost alternatives only")
    return this.#builder.sequence(begins ? this.#builder.empty : anywhere, body, ends ? this.#builder.empty : anywhere)
  }

  #alternatives(): Node {
    const options = [this.#sequence()]
    while (this.#takes("|")) options.push(this.#sequence())
    return this.#builder.choice(...options)
  }

  #sequence(): Node {
    const parts: Node[] = []
    for (let next = this.#peek(); next !== undefined && next !== "|" && next !== ")"; next = this.#peek()) {
      if (next === "$" && this.#depth === 0) break
      parts.push(this.#quantified(this.#atom()))
    }
    return this.#builder.sequence(...parts)
  }

  #quantified(node: Node): Node {
    const bounds = this.#quantifier()
    if (!bounds) return node
    const [least, most] = bounds
    this.#takes("?")
    if (this.#peek() === "+") throw this.#refused("possessive quantifiers are not supported")
    if (this.#quantifier()) throw this.#refused("there is nothing to repeat")
    if (most < least) throw this.#refused("a quantifier's numbers are the wrong way round")
    return this.#builder.repeat(node, least, most)
  }

  #quantifier(): [least: number, most: number] | undefined {
    if (this.#takes("*")) return [0, Number.POSITIVE_INFINITY]
    if (this.#takes("+")) return [1, Number.POSITIVE_INFINITY]
    if (this.#takes("?")) return [0, 1]
    if (this.#peek() !== "{") return undefined
    const close = this.#pattern.indexOf("}", this.#at)
    const text = close < 0 ? "" : this.#pattern.slice(this.#at + 1, close).join("")
    const found = /^(\d+)(,?)(\d*)$/.exec(text)
    if (!found) throw this.#refused("{ opens a quantifier such as {2} or {2,5}; a bracket itself is written \\{")
    this.#at = close + 1
    const least = Number(found[1])
    const most = found[2] === "" ? least : found[3] === "" ? Number.POSITIVE_INFINITY : Number(found[3])
    if (least > MOST_REPEATS || (most > MOST_REPEATS && Number.isFinite(most)))
      throw this.#refused(`more than ${MOST_REPEATS} repetitions are not supported`)
    return [least, most]
  }

  #atom(): Node {
    const { encode } = this.#options
    const character = this.#pattern[this.#at++]
    switch (character) {
      case "(":
        return this.#group()
      case "[":
        return encode(this.#class())
      case ".":
        return encode(NO_LINE_END)
      case "\\":
        return encode(this.#escape(false))
      case "^":
      case "$":
        this.#at--
        throw this.#refused(
          `${character} can stand at the ${character === "^" ? "beginning" : "end"} of the pattern or of one of its outermost alternatives only`,
        )
      case "*":
      case "+":
      case "?":
      case "{":
        this.#at--
        throw this.#refused("there is nothing to repeat")
      default:
        return encode(charactersOf(character))
    }
  }

  #group(): Node {
    if (++this.#depth > DEEPEST) throw this.#refused(`groups are nested more than ${DEEPEST} deep`)
    if (this.#takes("?")) {
      const [first, second] = [this.#peek(), this.#pattern[this.#at + 1]]
      if (first === ":") this.#at++
      else if (first === "=" || first === "!" || (first === "<" && (second === "=" || second === "!")))
        throw this.#refused("lookarounds are not supported")
      else if (first === "<") {
        const close = this.#pattern.indexOf(">", this.#at)
        if (close < 0) throw this.#refused("the name of a group has no end")
        this.#at = close + 1
      } else throw this.#refused("only groups (…), (?:…) and (?<name>…) are supported")
    }
    const inside = this.#alternatives()
    if (!this.#takes(")")) throw this.#refused("a group has no end")
    this.#depth--
    return inside
  }

  #class(): CodePoints {
    const negated = this.#takes("^")
    let set: CodePoints[] = []
    while (!this.#takes("]")) {
      if (this.#peek() === undefined) throw this.#refused("a class has no end")
      const first = this.#classPart()
      const isRange = this.#peek() === "-" && this.#pattern[this.#at + 1] !== "]"
      if (!isRange) {
        set.push(first)
        continue
      }
      this.#at++
      const last = this.#classPart()
      const [from, to] = [single(first), single(last)]
      if (from === undefined || to === undefined || from > to)
        throw this.#refused("a range in a class must go from one character up to another")
      set.push([[from, to]])
    }
    set = [union(...set)]
    return negated ? complement(set[0]) : set[0]
  }

  #classPart(): CodePoints {
    const character = this.#pattern[this.#at++]
    if (character === undefined) throw this.#refused("a class has no end")
    return character === "\\" ? this.#escape(true) : charactersOf(character)
  }

  /** What stands behind a backslash. */
  #escape(inClass: boolean): CodePoints {
    const character = this.#pattern[this.#at++]
    if (character === undefined) throw this.#refused("the pattern ends with a backslash")
    if (Object.hasOwn(SHORTHANDS, character)) return SHORTHANDS[character]
    if (character === "0" && /\d/.test(this.#peek() ?? "")) throw this.#refused("octal escapes are not supported")
    if (Object.hasOwn(CONTROLS, character)) return [[CONTROLS[character], CONTROLS[character]]]
    if (character === "b" && inClass) return [[8, 8]]
    if (character === "b" || character === "B") throw this.#refused("word boundaries (\\b) are not supported")
    if (/[1-9]/.test(character) || character === "k") throw this.#refused("back references are not supported")
    if (character === "x") return this.#code(/^[0-9a-fA-F]{2}/)
    if (character === "u") return this.#unicode()
    if (character === "c") {
      const letter = this.#pattern[this.#at++] ?? ""
      if (!/^[a-zA-Z]$/.test(letter)) throw this.#refused("\\c takes a letter")
      const code = letter.charCodeAt(0) % 32
      return [[code, code]]
    }
    if (character === "p" || character === "P") {
      const close = this.#pattern.indexOf("}", this.#at)
      const name = this.#peek() === "{" && close > 0 ? this.#pattern.slice(this.#at + 1, close).join("") : ""
      const set = /^[\w=]+$/.test(name) ? property(name) : undefined
      if (!set) throw this.#refused("\\p takes the name of a Unicode property in braces, such as \\p{L}")
      this.#at = close + 1
      return character === "p" ? set : complement(set)
    }
    if (/[\p{L}\p{N}]/u.test(character)) throw this.#refused(`there is no escape \\${character}`)
    return charactersOf(character)
  }

  #unicode(): CodePoints {
    if (this.#peek() === "{") {
      const digits = /^\{([0-9a-fA-F]+)\}/.exec(this.#ahead(20))?.[1]
      const code = Number.parseInt(digits ?? "", 16)
      if (digits === undefined || code > 0x10ffff) throw this.#refused("\\u{…} takes the number of a character")
      this.#at += digits.length + 2
      return [[code, code]]
    }
    const [[high]] = this.#code(/^[0-9a-fA-F]{4}/)
    const low = high >= 0xd800 && high < 0xdc00 ? /^\\u(d[c-f][0-9a-f]{2})/i.exec(this.#ahead(6))?.[1] : undefined
    if (low === undefined) return [[high, high]]
    this.#at += 6
    const code = 0x10000 + (high - 0xd800) * 0x400 + (Number.parseInt(low, 16) - 0xdc00)
    return [[code, code]]
  }

  #code(digits: RegExp): CodePoints {
    const found = digits.exec(this.#ahead(4))?.[0]
    if (found === undefined) throw this.#refused("\\x takes two hexadecimal digits, \\u four")
    this.#at += found.length
    const code = Number.parseInt(found, 16)
    return [[code, code]]
  }

  #ahead(characters: number): string {
    return this.#pattern.slice(this.#at, this.#at + characters).join("")
  }
  #peek(): string | undefined {
    return this.#pattern[this.#at]
  }
  #takes(character: string): boolean {
    if (this.#pattern[this.#at] !== character) return false
    this.#at++
    return true
  }

  #refused(why: string): UserError {
    const { where } = this.#options
    const pattern = this.#pattern.join("")
    return new UserError(`the pattern ${shown(pattern)} cannot be used: ${why} (character ${this.#at + 1})`, {
      where,
      fix: "see docs/guide/structured-output.md for the patterns that can be followed",
    })
  }
}

/** The one character of a set that has no more. */
const single = (set: CodePoints): number | undefined =>
  set.length === 1 && set[0][0] === set[0][1] ? set[0][0] : undefined
