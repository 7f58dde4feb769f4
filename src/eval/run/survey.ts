/** One look at all documents before any is asked: what each asks, by a hash, and in which order they are asked best. */

import { createHash } from "node:crypto"
import { UserError } from "../../errors.js"
import type { Documents } from "../documents/documents.js"
import type { Asked, Doc, Task } from "../task/task.js"
import { isIn, type Shard } from "./selection.js"

/** What stays in memory of a document. */
export interface Surveyed {
  index: number
  /** A hash of all that is asked. */
  asked: string
  /** Characters of the text. */
  length: number
  /** A hash of its pictures; the same, the same pictures. */
  pictures: string
  /** Why it cannot be asked. */
  failed?: string
}

export interface SurveyOptions {
  /** The first so many documents. */
  first: number
  shard?: Shard
  signal?: AbortSignal
  /** Documents that are not looked at. @default none */
  except?: ReadonlySet<number>
}

/**
 * One document after the other, in the order of the data; only one is in memory.
 * @throws UserError for rows that cannot be read
 */
export async function* survey(
  task: Task,
  documents: Documents,
  { first, shard, signal, except = new Set() }: SurveyOptions,
): AsyncGenerator<{ doc: Doc; surveyed: Surveyed }, void, undefined> {
  const isLookedAt = (index: number): boolean => isIn(index, shard) && !except.has(index)
  for (let from = 0; from < first; from++) {
    if (!isLookedAt(from)) continue
    let to = from + 1
    while (to < first && isLookedAt(to)) to++
    for await (const { index, doc } of documents.rows({ from, to, pictures: task.pictures })) {
      signal?.throwIfAborted()
      yield { doc, surveyed: surveyedOf(task, index, doc) }
    }
    from = to
  }
}

/**
 * What documents ask whose pictures are known: nearly all bytes of a benchmark are pictures, and need not be read again.
 * @param picturesOf the hash of a document's pictures; undefined of those that must be looked at
 */
export async function* surveyTexts(
  task: Task,
  documents: Documents,
  { first, shard, signal, columns }: SurveyOptions & { columns: readonly string[] },
  picturesOf: (index: number) => string | undefined,
): AsyncGenerator<{ index: number; doc: Doc; asked: string }, void, undefined> {
  for await (const { index, doc } of documents.rows({ to: first, columns, pictures: [] })) {
    signal?.throwIfAborted()
    const pictures = isIn(index, shard) ? picturesOf(index) : undefined
    if (pictures === undefined) continue
    try {
      yield { index, doc, asked: askedHash(task.ask(doc), pictures) }
    } catch (error) {
      // It looks at its pictures before it says what it asks.
      if (!(error instanceof UserError)) throw error
    }
  }
}

/** Of all that tells which pictures a document shows. @param asks the hash of what a first document asks */
export const dataHash = ({ fingerprint }: Documents, { columns, pictures }: Task, asks: string): string =>
  hashOf(JSON.stringify([fingerprint, columns, pictures, asks]))

/** A hash of all that is asked. */
export function askedHash(asked: Asked, pictures = picturesHash(asked)): string {
  const { context, choices, plain, messages } = asked
  return hashOf(JSON.stringify([context, choices, plain, pictures, ...(messages ? [messages] : [])]))
}

function surveyedOf(task: Task, index: number, doc: Doc): Surveyed {
  try {
    const asked = task.ask(doc)
    const pictures = picturesHash(asked)
    return { index, asked: askedHash(asked, pictures), length: asked.context.length, pictures }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    const failed = sentenceOf(error)
    return { index, asked: hashOf(failed), length: 0, pictures: "", failed }
  }
}

const hashOf = (text: string): string => createHash("sha256").update(text).digest("base64url").slice(0, 22)

function picturesHash({ pictures }: Asked): string {
  if (pictures.length === 0) return ""
  const hash = createHash("sha256")
  for (const { bytes, upright = true } of pictures) hash.update(`${bytes.length} ${upright};`).update(bytes)
  return hash.digest("base64url").slice(0, 22)
}

/** What went wrong with a document, on a line. */
export const sentenceOf = ({ message, where }: UserError): string =>
  where === undefined ? message : `${where}: ${message}`

/** Documents that lie near each other are quick to read one after the other. */
const WINDOW = 256

/**
 * The order in which documents are asked: those about the same pictures one after the other, so that the features and the beginning
 * of the prompt are computed once; long ones first, so that none is left over at the end; both within windows of the data.
 */
export function askingOrder(documents: readonly Surveyed[]): Surveyed[] {
  const groups = new Map<string, Surveyed[]>()
  for (const one of documents) {
    const key = one.pictures || `${one.index}`
    const group = groups.get(key)
    if (group) group.push(one)
    else groups.set(key, [one])
  }
  const longest = (group: readonly Surveyed[]): number => group.reduce((most, { length }) => Math.max(most, length), 0)
  return [...groups.values()]
    .map((group) => ({ group, window: Math.floor(group[0].index / WINDOW), length: longest(group) }))
    .sort((a, b) => a.window - b.window || b.length - a.length || a.group[0].index - b.group[0].index)
    .flatMap(({ group }) => group)
}
