/** What the grammars of objects and arrays ask for: those of what is in them. */

import type { JsonText } from "../json-text.js"
import type { GrammarBuilder, Node } from "../nodes.js"
import type { SchemaPath } from "./schema-keywords.js"

export interface SchemaCompiler {
  readonly builder: GrammarBuilder
  readonly json: JsonText
  /** The grammar of a schema that stands at a place. */
  compile(schema: unknown, path: SchemaPath): Node
}
