/**
 * JSON as text: compact, with at most one space behind a comma and a colon and none elsewhere, so that an answer cannot go
 * on with blanks for ever. Numbers have at most 15 digits before and behind the point and a two-digit exponent, so that
 * every one of them can be read back.
 */

import { type CodePoints, charactersOf, complement, intersection, union, utf8 } from "./code-points.js"
import type { GrammarBuilder, Node } from "./nodes.js"
import { regexGrammar } from "./regex.js"

/** What a string cannot hold as it is. */
const ESCAPED: CodePoints = union([[0, 0x1f]], charactersOf('"\\'))
const PLAIN = complement(ESCAPED)

const INTEGER = "-?(0|[1-9][0-9]{0,14})"
const NUMBER = `${INTEGER}(\\.[0-9]{1,15})?([eE][+-]?[0-9]{1,2})?`
/** What stands behind the backslash of \\n and \\u00e9; two halves are one character. */
const ESCAPE =
  '["\\\\/bfnrt]|u([0-9a-cA-CefEF][0-9a-fA-F]{3}|[dD](?:[0-7][0-9a-fA-F]{2}|[89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}))'

export class JsonText {
  readonly builder: GrammarBuilder
  readonly comma: Node
  readonly colon: Node
  readonly integer: Node
  readonly number: Node
  /** One character of a string, however it is written. */
  readonly character: Node
  /** One that is written as it is. */
  readonly plain: Node
  #value: Node | undefined

  constructor(builder: GrammarBuilder) {
    this.builder = builder
    const pattern = (text: string): Node => this.pattern(text)
    this.comma = pattern(", ?")
    this.colon = pattern(": ?")
    this.integer = pattern(INTEGER)
    this.number = pattern(NUMBER)
    this.plain = utf8(builder, PLAIN)
    this.character = builder.choice(this.plain, builder.sequence(builder.text("\\"), pattern(ESCAPE)))
  }

  /** A value as JSON.stringify writes it. */
  literal(value: unknown): Node {
    return this.builder.text(JSON.stringify(value))
  }

  literals(values: readonly unknown[]): Node {
    return this.builder.words(values.map((value) => JSON.stringify(value)))
  }

  /** A string of so many characters. */
  string(least = 0, most = Number.POSITIVE_INFINITY): Node {
    return this.quoted(this.builder.repeat(this.character, least, most))
  }

  quoted(content: Node): Node {
    const quote = this.builder.text('"')
    return this.builder.sequence(quote, content, quote)
  }

  /** One of the characters as it is written inside a string; what must be escaped in the one way of JSON.stringify. */
  inString(characters: CodePoints): Node {
    const escaped: Node[] = []
    for (const [first, last] of intersection(characters, ESCAPED))
      for (let code = first; code <= last; code++)
        escaped.push(this.builder.text(JSON.stringify(String.fromCodePoint(code)).slice(1, -1)))
    return this.builder.choice(utf8(this.builder, intersection(characters, PLAIN)), ...escaped)
  }

  /** A key that is none of some names, none of its characters escaped: another way to write the same name. */
  keyExcept(names: readonly string[]): Node {
    const { builder } = this
    const quote = builder.text('"')
    const free = builder.sequence(builder.repeat(this.plain, 0), quote)
    const behind = (rests: readonly string[][]): Node => {
      const next = new Map<string, string[][]>()
      for (const [first, ...rest] of rests.filter(({ length }) => length > 0))
        next.set(first, [...(next.get(first) ?? []), rest])
      const others = intersection(PLAIN, complement(charactersOf([...next.keys()].join(""))))
      return builder.choice(
        builder.sequence(utf8(builder, others), free),
        ...Array.from(next, ([character, rest]) => builder.sequence(builder.text(character), behind(rest))),
        ...(rests.some(({ length }) => length === 0) ? [] : [quote]),
      )
    }
    // Names with characters that are escaped cannot be written this way at all.
    const plain = names.filter((name) => JSON.stringify(name) === `"${name}"`)
    return builder.sequence(quote, plain.length === 0 ? free : behind(plain.map((name) => Array.from(name))))
  }

  /** Any JSON value. */
  get value(): Node {
    if (this.#value) return this.#value
    const rule = this.builder.rule("any JSON value")
    this.#value = this.builder.call(rule)
    const words = this.builder.words(["true", "false", "null"])
    rule.body = this.builder.choice(this.string(), this.number, words, this.array(this.#value), this.object())
    return this.#value
  }

  /** Any array of some values. */
  array(item: Node): Node {
    const { builder, comma } = this
    const items = builder.sequence(item, builder.repeat(builder.sequence(comma, item), 0))
    return builder.sequence(builder.text("["), builder.optional(items), builder.text("]"))
  }

  /** Any object. */
  object(): Node {
    const { builder, comma } = this
    const pair = builder.sequence(this.string(), this.colon, this.value)
    const pairs = builder.sequence(pair, builder.repeat(builder.sequence(comma, pair), 0))
    return builder.sequence(builder.text("{"), builder.optional(pairs), builder.text("}"))
  }

  /** A pattern for text that is no string's content: of digits and marks. */
  pattern(pattern: string): Node {
    const encode = (characters: CodePoints): Node => utf8(this.builder, characters)
    return regexGrammar(this.builder, pattern, { encode, whole: true })
  }
}
