/**
 * JSON Schema → grammars of the JSON texts that satisfy it. What a schema asks for is followed or refused by its place,
 * never left out; where it leaves things open, the grammar says less (docs/guide/structured-output.md).
 */

import { shown } from "../../readable.js"
import { JsonText } from "../json-text.js"
import type { GrammarBuilder, Node, Rule } from "../nodes.js"
import { emptyLoop } from "../nodes.js"
import { arrayGrammar } from "./schema-array.js"
import type { SchemaCompiler } from "./schema-compiler.js"
import { constraintsOf, isSchemaObject, refused, type Schema, type SchemaPath } from "./schema-keywords.js"
import { mergeSchemas } from "./schema-merge.js"
import { numberGrammar } from "./schema-number.js"
import { objectGrammar } from "./schema-object.js"
import { stringGrammar } from "./schema-string.js"
import type { TypeName } from "./schema-types.js"
import { areDisjoint, listedValues, typesOf } from "./schema-values.js"

/** Schemas inside one another, references that stand in for one another included. */
const DEEPEST = 100
/** Of oneOf, each of which is compared with each. */
const MOST_ALTERNATIVES = 500
/** Schemas that are put together with others. */
const MOST_MERGES = 20_000

/** @throws UserError naming the place of what cannot be followed, or of what no value satisfies */
export function schemaGrammar(builder: GrammarBuilder, schema: unknown): Node {
  const compiler = new Compiler(builder, schema)
  const root = compiler.compile(schema, [])
  const loop = emptyLoop(root)
  if (loop !== undefined) throw refused([], `${loop} refers to itself with nothing in between`)
  return root
}

class Compiler implements SchemaCompiler {
  readonly builder: GrammarBuilder
  readonly json: JsonText
  readonly #root: unknown
  /** Of schemas that are referred to, by their pointers. */
  readonly #rules = new Map<string, Rule>()
  #merges = 0

  constructor(builder: GrammarBuilder, root: unknown) {
    this.builder = builder
    this.json = new JsonText(builder)
    this.#root = root
  }

  compile(schema: unknown, path: SchemaPath): Node {
    if (path.length > 2 * DEEPEST) throw refused(path.slice(0, 8), `schemas are nested more than ${DEEPEST} deep`)
    if (schema === false) return this.builder.never
    const { $ref, ...beside } = constraintsOf(schema, path)
    if ($ref === undefined) return this.#compile(beside, path)
    if (Object.keys(beside).length === 0) return this.#call($ref as string, path)
    return this.#compile(this.#resolve({ $ref, ...beside }, path), path)
  }

  /** @param schema without a reference; false: no value satisfies it */
  #compile(schema: Schema | false, path: SchemaPath): Node {
    if (schema === false) return this.builder.never
    if (Object.keys(schema).length === 0) return this.json.value
    const { allOf, ...others } = schema
    if (allOf !== undefined) return this.#compile(this.#mergeAll(others, allOf as unknown[], path), path)
    for (const keyword of ["anyOf", "oneOf"] as const) {
      const { [keyword]: branches, ...beside } = schema
      if (branches !== undefined) return this.#branches(keyword, branches as unknown[], beside, path)
    }
    const values = listedValues(schema)
    if (values) return this.#values(values, schema, path)
    return this.builder.choice(...typesOf(schema).map((type) => this.#type(type, schema, path)))
  }

  /** Any of several schemas, each with what stands beside them. */
  #branches(keyword: "anyOf" | "oneOf", branches: readonly unknown[], beside: Schema, path: SchemaPath): Node {
    const isAlone = Object.keys(beside).length === 0
    const at = (i: number): SchemaPath => [...path, keyword, i]
    const merged = (branch: unknown, i: number): Schema | false => this.#mergeAll(beside, [branch], at(i))
    if (keyword === "oneOf") this.#requireDisjoint(branches.map(merged), path)
    return this.builder.choice(
      ...branches.map((branch, i) => (isAlone ? this.compile(branch, at(i)) : this.#compile(merged(branch, i), at(i)))),
    )
  }

  /** Where two may hold at once, a value that satisfies one of them may not be valid. */
  #requireDisjoint(branches: readonly (Schema | false)[], path: SchemaPath): void {
    if (branches.length > MOST_ALTERNATIVES)
      throw refused(
        [...path, "oneOf"],
        `more than ${MOST_ALTERNATIVES} alternatives cannot be told apart`,
        "use anyOf or enum",
      )
    for (const [i, one] of branches.entries())
      for (const [j, other] of branches.slice(0, i).entries())
        if (one && other && !areDisjoint(one, other, (schema) => this.#simple(schema)))
          throw refused(
            [...path, "oneOf"],
            `schemas ${j} and ${i} may both hold for a value, and oneOf allows only one`,
            'use anyOf, or tell them apart: by "type", or by a required property with a "const" in each',
          )
  }

  /** A schema without references and alternatives, for a look at its values. */
  #simple(schema: unknown): Schema | undefined {
    const merged = this.#resolve(constraintsOf(schema, []), [])
    return merged === false || ["allOf", "anyOf", "oneOf"].some((key) => key in merged) ? undefined : merged
  }

  /** What `enum` and `const` list. Other keywords beside them would have to be tried on every value. */
  #values(values: readonly unknown[], schema: Schema, path: SchemaPath): Node {
    const { enum: _, const: __, type: ___, nullable: ____, ...others } = schema
    const [other] = Object.keys(others)
    if (other !== undefined)
      throw refused(
        [...path, other],
        `${other} beside enum or const is not supported`,
        "list only the values that it leaves",
      )
    return this.json.literals(values)
  }

  #type(type: TypeName, schema: Schema, path: SchemaPath): Node {
    switch (type) {
      case "object":
        return objectGrammar(this, schema, path)
      case "array":
        return arrayGrammar(this, schema, path)
      case "string":
        return stringGrammar(this.json, schema, path)
      case "integer":
      case "number":
        return numberGrammar(this.json, type, schema, path)
      case "boolean":
        return this.builder.words(["true", "false"])
      case "null":
        return this.builder.text("null")
    }
  }

  #mergeAll(schema: Schema, others: readonly unknown[], path: SchemaPath): Schema | false {
    let merged = this.#resolve(schema, path)
    for (const [i, other] of others.entries()) {
      if (merged === false || other === false) return false
      const resolved = this.#resolve(constraintsOf(other, [...path, "allOf", i]), path)
      merged = resolved && mergeSchemas(merged, resolved, path)
    }
    return merged
  }

  /** A schema with what its reference says, and that of what it refers to. */
  #resolve(schema: Schema, path: SchemaPath): Schema | false {
    if (++this.#merges > MOST_MERGES)
      throw refused(
        path,
        "the schema is too large: too many parts of it must hold together",
        "say them in one schema each",
      )
    let { $ref, ...merged } = schema
    for (let steps = 0; $ref !== undefined; steps++) {
      if (steps === DEEPEST) throw refused(path, "$ref leads back to itself")
      const target = this.#target($ref as string, path)
      if (target === false) return false
      const { $ref: next, ...own } = constraintsOf(target, path)
      const both = mergeSchemas(merged, own, path)
      if (both === false) return false
      merged = both
      $ref = next
    }
    return merged
  }

  #call(reference: string, path: SchemaPath): Node {
    const known = this.#rules.get(reference)
    if (known) return this.builder.call(known)
    const target = this.#target(reference, path)
    const rule = this.builder.rule(`schema ${reference}`)
    this.#rules.set(reference, rule)
    // Nested as deep as where it is referred to, not as where it stands: rules may follow one another.
    rule.body = this.compile(target, [...path, reference])
    return this.builder.call(rule)
  }

  /** What a reference stands for: a place in the same schema. */
  #target(reference: string, path: SchemaPath): unknown {
    if (reference !== "#" && !reference.startsWith("#/"))
      throw refused(
        [...path, "$ref"],
        `the reference ${shown(reference)} is not supported`,
        'refer to a place in the same schema, such as "#/$defs/name"',
      )
    let target = this.#root
    for (const step of reference.split("/").slice(1)) {
      const key = decode(step)
      const isThere = (isSchemaObject(target) || Array.isArray(target)) && Object.hasOwn(target, key)
      if (!isThere) throw refused([...path, "$ref"], `there is nothing at ${shown(reference)}`)
      target = (target as Schema)[key]
    }
    return target
  }
}

/** A step of a JSON pointer inside a URI. */
function decode(step: string): string {
  try {
    return decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")
  } catch {
    return step
  }
}
