/** What an answer must be: the formats that people ask for, compiled to grammars. */

import { UserError } from "../errors.js"
import { Kept } from "../kept.js"
import { shown } from "../readable.js"
import { Automaton } from "./automaton.js"
import { utf8 } from "./code-points.js"
import { JsonText } from "./json-text.js"
import { GrammarBuilder, NODE_BYTES, type Node, nodesOf } from "./nodes.js"
import { regexGrammar } from "./regex.js"
import { schemaGrammar } from "./schema/schema.js"

/**
 * json_schema: JSON that satisfies a schema. json_object: any JSON object. regex: a text that the whole pattern matches.
 * What of schemas and patterns is followed is in docs/guide/structured-output.md.
 */
export type AnswerFormat =
  | { type: "json_schema"; schema: unknown }
  | { type: "json_object" }
  | { type: "regex"; pattern: string }

const TYPES = ["json_schema", "json_object", "regex"]
/** Characters of a pattern or a schema, before anything is made of it. */
const LONGEST = 100_000
/** Bytes of memory for compiled formats: the same is mostly asked for again. */
const KEPT = 64 * 2 ** 20

const compiled = new Kept<{ grammar: Node; bytes: number }>(KEPT, ({ bytes }) => bytes)

/** What tells two formats apart. */
export const formatKey = (format: AnswerFormat): string => JSON.stringify(format)

/** @throws UserError naming the place of what cannot be followed, or when no text could be an answer */
export function compileFormat(format: AnswerFormat): Node {
  const key = checkedKey(format)
  const known = compiled.get(key)
  if (known) return known.grammar
  const grammar = compile(format)
  compiled.set(key, { grammar, bytes: nodesOf(grammar).length * NODE_BYTES })
  return grammar
}

function compile(format: AnswerFormat): Node {
  const builder = new GrammarBuilder()
  const grammar = grammarOf(builder, format)
  const automaton = new Automaton(grammar)
  if (automaton.shortest(automaton.start) === Number.POSITIVE_INFINITY)
    throw new UserError("no answer can have this format: what it asks for contradicts itself", {
      where: format.type,
      fix: "look for bounds that leave nothing between them, and for required properties that are forbidden",
    })
  return grammar
}

function grammarOf(builder: GrammarBuilder, format: AnswerFormat): Node {
  if (format.type === "json_schema") return schemaGrammar(builder, format.schema)
  if (format.type === "json_object") return new JsonText(builder).object()
  return regexGrammar(builder, format.pattern, { encode: (set) => utf8(builder, set), whole: true, where: "regex" })
}

function checkedKey(format: unknown): string {
  const { type, schema, pattern } = (format ?? {}) as Record<string, unknown>
  if (typeof type !== "string" || !TYPES.includes(type))
    throw new UserError(`a format has a type of ${TYPES.join(", ")}, not ${shown(type ?? format)}`, { where: "format" })
  if (type === "json_schema" && schema === undefined)
    throw new UserError("the format json_schema has no schema", { where: "format" })
  if (type === "regex" && typeof pattern !== "string")
    throw new UserError(`the format regex has a pattern that is a text, not ${shown(pattern)}`, { where: "format" })
  let key: string
  try {
    key = formatKey(format as AnswerFormat)
  } catch (cause) {
    throw new UserError("the schema cannot be written as JSON", { where: "format", cause })
  }
  if (key.length > LONGEST)
    throw new UserError(`the format has ${key.length} characters; ${LONGEST} are the most that are read`, {
      where: type,
      fix: "leave out descriptions and what is not needed",
    })
  return key
}
