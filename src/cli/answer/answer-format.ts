/** The format of an answer as the command line names it. */

import { readJsonObject } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import type { AnswerFormat } from "../../grammar/format.js"

export interface FormatFlags {
  /** File of a JSON Schema. */
  jsonSchema?: string
  jsonObject?: boolean
  regex?: string
}

/** @throws UserError for a file that cannot be read, and for more formats than one */
export function answerFormat({ jsonSchema, jsonObject, regex }: FormatFlags): AnswerFormat | undefined {
  const formats: AnswerFormat[] = []
  if (regex !== undefined) formats.push({ type: "regex", pattern: regex })
  if (jsonObject) formats.push({ type: "json_object" })
  if (formats.length + Number(jsonSchema !== undefined) > 1)
    throw new UserError("an answer has one format", { fix: "give one of --json-schema, --json-object and --regex" })
  if (jsonSchema !== undefined) formats.push({ type: "json_schema", schema: readJsonObject(jsonSchema) })
  return formats[0]
}
