/** Numbers within bounds. */

import { shown } from "../../readable.js"
import type { JsonText } from "../json-text.js"
import type { Node } from "../nodes.js"
import { type Bound, boundOf, decimalsBetween, integersBetween } from "./number-range.js"
import { refused, type Schema, type SchemaPath } from "./schema-keywords.js"

export function numberGrammar(json: JsonText, type: "integer" | "number", schema: Schema, path: SchemaPath): Node {
  const least = tighter(schema, "minimum", "exclusiveMinimum", path, (a, b) => a > b)
  const most = tighter(schema, "maximum", "exclusiveMaximum", path, (a, b) => a < b)
  if (!least && !most) return json[type]
  if (type === "number") return decimalsBetween(json.builder, least?.bound, most?.bound)
  return integersBetween(
    json.builder,
    least && BigInt(least.exclusive ? Math.floor(least.value) + 1 : Math.ceil(least.value)),
    most && BigInt(most.exclusive ? Math.ceil(most.value) - 1 : Math.floor(most.value)),
  )
}

interface Limit {
  value: number
  exclusive: boolean
  bound: Bound
}

/** The one of two bounds that leaves less; of equal ones that which leaves itself out. */
function tighter(
  schema: Schema,
  inclusive: string,
  exclusive: string,
  path: SchemaPath,
  isTighter: (a: number, b: number) => boolean,
): Limit | undefined {
  const [with_, without] = [schema[inclusive], schema[exclusive]] as (number | undefined)[]
  if (with_ === undefined && without === undefined) return undefined
  const isExclusive = with_ === undefined || (without !== undefined && !isTighter(with_, without))
  const value = (isExclusive ? without : with_) as number
  const bound = boundOf(value, isExclusive)
  if (!bound)
    throw refused(
      [...path, isExclusive ? exclusive : inclusive],
      `the bound ${shown(value)} has more digits than are supported`,
      "use at most 15 digits, without an exponent",
    )
  return { value, exclusive: isExclusive, bound }
}
