/** A column's values as they lie in the file: a column of structs or lists has one for each of its fields. */

import type { SchemaElement, SchemaTree } from "hyparquet"
import { getMaxDefinitionLevel, getMaxRepetitionLevel, isFlatColumn } from "hyparquet/src/schema.js"
import { decimalOf, timeOfDay } from "./pages/values.js"

const LARGEST_SCALE = 100

export interface Leaf {
  path: readonly string[]
  /** Tells it from the others. */
  key: string
  element: SchemaElement
  schemaPath: SchemaTree[]
  /** Whether each value is a row. */
  flat: boolean
  maxDefinition: number
  maxRepetition: number
  /** Of what hyparquet gives. */
  convert?(value: unknown): unknown
}

/** @param schemaPath from the root to the leaf */
export function leafOf(schemaPath: SchemaTree[]): Leaf {
  const path = schemaPath.slice(1).map(({ element }) => element.name)
  const { element: own } = schemaPath[schemaPath.length - 1]
  if (own.type === undefined) throw new Error("a column without a type")
  const decimal = own.converted_type === "DECIMAL" || own.logical_type?.type === "DECIMAL"
  const scale = own.scale ?? 0
  if (Math.abs(scale) > LARGEST_SCALE) throw new Error("a scale that no number has")
  // Without their mark: hyparquet would make them inexact numbers.
  const element = decimal ? { ...own, converted_type: undefined, logical_type: undefined } : own
  const perSecond = timeUnit(own)
  return {
    path,
    key: path.join("\0"),
    element,
    schemaPath,
    flat: isFlatColumn(schemaPath),
    maxDefinition: getMaxDefinitionLevel(schemaPath),
    maxRepetition: getMaxRepetitionLevel(schemaPath),
    ...(decimal && { convert: (value: unknown) => decimalOf(value, scale) }),
    ...(perSecond !== undefined && { convert: (value: unknown) => timeOfDay(value, perSecond) }),
  }
}

/** Of a time of day, how many of its units a second has. */
function timeUnit({ converted_type: converted, logical_type: logical }: SchemaElement): bigint | undefined {
  const unit = logical?.type === "TIME" ? logical.unit : /^TIME_(MILLIS|MICROS)$/.exec(converted ?? "")?.[1]
  return unit === "MILLIS" ? 1000n : unit === "MICROS" ? 1_000_000n : unit === "NANOS" ? 1_000_000_000n : undefined
}
