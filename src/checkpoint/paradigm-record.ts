/** What config.json records of a paradigm: its name and the options it was trained with, in the words of recipes. */

import { z } from "zod"
import type { Json } from "./json.js"
import { check } from "./schema-check.js"

export interface ParadigmRecord {
  name: string
  /** Exactly those that the file records; what is absent was not recorded. */
  options: Json
}

/** Where families record a paradigm that they are not published in, so that others still load the weights. */
const KEY = "diffusionvl"

const recordSchema = z.looseObject({ paradigm: z.string().min(1).max(200) })

/**
 * The record of a config.json that has one. What the options mean, and whether there is such a paradigm, its object knows.
 * @throws UserError for a record that is none
 */
export function readParadigm(raw: Json, where?: string): ParadigmRecord | undefined {
  if (raw[KEY] == null) return undefined
  const { paradigm: name, ...options } = check(recordSchema, raw[KEY], KEY, where)
  return { name, options }
}

/** What to write into config.json: nothing for the paradigm that the family is published in, where that was not trained. */
export const paradigmJson = ({ name, options }: ParadigmRecord, published: string): Json =>
  name === published && Object.keys(options).length === 0
    ? { [KEY]: undefined }
    : { [KEY]: { paradigm: name, ...options } }
