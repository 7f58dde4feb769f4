/** Strings: by their length, a pattern or a format. */

import { shown } from "../../readable.js"
import type { JsonText } from "../json-text.js"
import { lengthsOf } from "../lengths.js"
import { GrammarBuilder, type Node } from "../nodes.js"
import { regexGrammar } from "../regex.js"
import { pointer, refused, type Schema, type SchemaPath } from "./schema-keywords.js"
import { STRING_FORMATS } from "./string-formats.js"

export function stringGrammar(json: JsonText, schema: Schema, path: SchemaPath): Node {
  const { minLength: least = 0, maxLength: most = Number.POSITIVE_INFINITY } = schema as Lengths
  const pattern = patternOf(schema, path)
  if (!pattern) return json.string(least, most)
  const { source, whole, keyword } = pattern
  const where = `schema ${pointer([...path, keyword])}`
  const content = regexGrammar(json.builder, source, { encode: (set) => json.inString(set), whole, where })
  // The same pattern with one byte for every character has texts as long as the strings.
  const counter = new GrammarBuilder()
  const encode = (set: readonly unknown[]): Node => (set.length === 0 ? counter.never : counter.bytes([0]))
  const [shortest, longest] = lengthsOf(regexGrammar(counter, source, { encode, whole, where }))
  if (shortest < least || longest > most)
    throw refused(
      [...path, shortest < least ? "minLength" : "maxLength"],
      `a length beside a ${keyword} that may be ${shortest < least ? "shorter" : "longer"} is not supported`,
      "put the length into the pattern: ^[a-z]{2,5}$",
    )
  return json.quoted(content)
}

interface Lengths {
  minLength?: number
  maxLength?: number
}

interface StringPattern {
  source: string
  whole: boolean
  keyword: "pattern" | "format"
}

function patternOf({ pattern, format }: Schema, path: SchemaPath): StringPattern | undefined {
  if (format === undefined)
    return pattern === undefined ? undefined : { source: pattern as string, whole: false, keyword: "pattern" }
  if (pattern !== undefined)
    throw refused([...path, "format"], "format and pattern together are not supported", "leave one of them out")
  const source = Object.hasOwn(STRING_FORMATS, format as string) ? STRING_FORMATS[format as string] : undefined
  if (source === undefined)
    throw refused(
      [...path, "format"],
      `the format ${shown(format)} is not supported`,
      `it can be ${Object.keys(STRING_FORMATS).join(", ")}; others can be said by a pattern`,
    )
  return { source, whole: true, keyword: "format" }
}
