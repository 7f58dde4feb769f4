/** Values as Python writes and reads them in source text: MMMU keeps its options so. */

import { UserError } from "../../errors.js"

/** What a literal can be here: text, number, True, False, None, or a list or tuple of these. */
export type PythonValue = string | number | boolean | null | PythonValue[]

const SIMPLE: Readonly<Record<string, string>> = {
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\n": "",
}
const CODES: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }
const NAMES: Readonly<Record<string, PythonValue>> = { None: null, True: true, False: false }
const SPACE = /[ \t\n\r\f]*/y
const NUMBER = /[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y
const NAME = /[A-Za-z]+/y
const STRING = /([rRuU]?)('''|"""|'|")/y

/**
 * ast.literal_eval of a list.
 * @throws UserError when the text is none
 */
export function pythonList(source: string, where?: string): PythonValue[] {
  const value = new LiteralReader(source, where).whole()
  if (Array.isArray(value)) return value
  throw new UserError(`a list of options was expected, not ${source.slice(0, 60)}`, { where, fix: FIX })
}

const FIX = "options are a Python list of texts, such as ['one', 'two']"

class LiteralReader {
  #at = 0

  constructor(
    readonly source: string,
    readonly where: string | undefined,
  ) {}

  whole(): PythonValue {
    this.#take(SPACE)
    const value = this.#value(0)
    this.#take(SPACE)
    if (this.#at < this.source.length) this.#refuse()
    return value
  }

  #value(depth: number): PythonValue {
    if (depth > 100) this.#refuse()
    const bracket = this.source[this.#at]
    if (bracket === "[") return this.#list("]", depth)
    if (bracket === "(") return this.#list(")", depth)
    const string = this.#take(STRING)
    if (string) return this.#strings(string)
    const number = this.#take(NUMBER)
    if (number) return Number(number[0])
    const name = this.#take(NAME)
    if (!name || !Object.hasOwn(NAMES, name[0])) this.#refuse()
    return NAMES[name![0]]
  }

  #list(end: string, depth: number): PythonValue {
    const values: PythonValue[] = []
    let commas = 0
    this.#at++
    for (;;) {
      this.#take(SPACE)
      if (this.source[this.#at] === end) break
      if (values.length > commas) this.#refuse()
      values.push(this.#value(depth + 1))
      this.#take(SPACE)
      if (this.source[this.#at] === ",") {
        commas++
        this.#at++
      }
    }
    this.#at++
    // Parentheses without a comma hold a value.
    return end === ")" && values.length === 1 && commas === 0 ? values[0] : values
  }

  /** One text, and those that follow without a comma. */
  #strings(first: RegExpExecArray): string {
    let text = ""
    for (let next: RegExpExecArray | null = first; next; next = this.#take(STRING)) {
      text += this.#string(next[2], next[1].toLowerCase() === "r")
      this.#take(SPACE)
    }
    return text
  }

  #string(quote: string, isRaw: boolean): string {
    let text = ""
    for (;;) {
      const character = this.source[this.#at]
      if (character === undefined || (quote.length === 1 && character === "\n")) this.#refuse()
      if (this.source.startsWith(quote, this.#at)) break
      if (character !== "\\") {
        text += character
        this.#at++
      } else if (isRaw) {
        text += this.source.slice(this.#at, this.#at + 2)
        this.#at += 2
      } else text += this.#escape()
    }
    this.#at += quote.length
    return text
  }

  #escape(): string {
    const letter = this.source[this.#at + 1]
    if (letter === undefined) this.#refuse()
    if (Object.hasOwn(SIMPLE, letter)) {
      this.#at += 2
      return SIMPLE[letter]
    }
    const octal = /\\([0-7]{1,3})/y
    octal.lastIndex = this.#at
    const [written, code] = octal.exec(this.source) ?? []
    if (written !== undefined) {
      this.#at += written.length
      return String.fromCharCode(Number.parseInt(code!, 8))
    }
    if (!Object.hasOwn(CODES, letter)) {
      // Unknown escapes stay as they are.
      this.#at += 2
      return `\\${letter}`
    }
    const digits = this.source.slice(this.#at + 2, this.#at + 2 + CODES[letter])
    const point = Number.parseInt(digits, 16)
    if (digits.length < CODES[letter] || !/^[0-9a-fA-F]+$/.test(digits) || point > 0x10ffff) this.#refuse()
    this.#at += 2 + digits.length
    return String.fromCodePoint(point)
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.source)
    if (found) this.#at += found[0].length
    return found
  }

  #refuse(): never {
    throw new UserError(`not a Python list, at character ${this.#at + 1} of ${this.source.slice(0, 60)}`, {
      where: this.where,
      fix: FIX,
    })
  }
}

/** str(value): text as it is, lists with their texts quoted. */
export function pythonText(value: unknown): string {
  return typeof value === "string" ? value : pythonRepr(value)
}

/** repr(value) of what documents hold. */
function pythonRepr(value: unknown): string {
  if (typeof value === "string") return quoted(value)
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(", ")}]`
  if (value === null || value === undefined) return "None"
  if (typeof value === "boolean") return value ? "True" : "False"
  if (typeof value === "number") return numberText(value)
  if (typeof value === "object") {
    const entries = Object.entries(value).map(([key, entry]) => `${quoted(key)}: ${pythonRepr(entry)}`)
    return `{${entries.join(", ")}}`
  }
  return String(value)
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "nan"
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf"
  return String(value)
}

const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u
const NAMED: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" }

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  let inside = ""
  for (const character of text) {
    if (Object.hasOwn(NAMED, character)) inside += NAMED[character]
    else if (character === quote) inside += `\\${quote}`
    else inside += UNSEEN.test(character) ? code(character.codePointAt(0)!) : character
  }
  return `${quote}${inside}${quote}`
}

function code(point: number): string {
  const hex = point.toString(16)
  if (point < 0x100) return `\\x${hex.padStart(2, "0")}`
  return point < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`
}
