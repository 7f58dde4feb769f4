/** One line of a samples' file, in lmms-eval's keys and their order (docs/evaluation.md 8). */

import { createHash } from "node:crypto"
import { argumentNames, type GenerationOptions } from "./generation-settings.js"
import { holdsBytes } from "./holds-bytes.js"
import { pythonText } from "./python-literal.js"
import { strip } from "./python-text.js"
import type { Answered, Compat, Counted, Doc, Task } from "./task.js"

export const sha256 = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex")

/** lmms-eval forgets the document before it takes its hash. */
const DOC_HASH = sha256("null")

/** What the task's filter makes of a cleaned answer, and what is scored of it. */
export function filteredAnswer(task: Task, answer: string, doc: Doc): { filtered: string; text: string } {
  const filtered = task.filtered?.(answer, doc) ?? answer
  return { filtered, text: strip(filtered) }
}

export interface Sample {
  /** The number of the document in its file, from 0. */
  docId: number
  doc: Doc
  /** The cleaned answer. */
  answer: string
  /** The task file's options with the command line's. */
  options: GenerationOptions
  likelihoods?: Answered["likelihoods"]
}

export interface SampleOptions {
  compat?: Compat
  /** Where the answer was counted already. */
  counted?: Counted
  /** "names": only their names, by position, as lmms-eval writes them. @default "values" */
  arguments?: "names" | "values"
}

/**
 * A sample as plain JSON: columns with pictures are left out, as are other bytes.
 * @throws UserError when the document lacks what is asked or scored with
 */
export function sampleRecord(
  task: Task,
  { docId, doc, answer, options, likelihoods }: Sample,
  { compat = {}, counted, arguments: form = "values" }: SampleOptions = {},
): Record<string, unknown> {
  const { filtered, text } = filteredAnswer(task, answer, doc)
  const { context } = task.ask(doc)
  const target = task.target(doc)
  const { values } = counted ?? task.count(doc, { text, likelihoods }, compat)
  return {
    doc_id: docId,
    doc: Object.fromEntries(
      Object.entries(doc)
        .filter(isRecorded)
        .map(([key, value]) => [key, plain(value)]),
    ),
    target: pythonText(target),
    arguments: form === "names" ? { ...argumentNames(options) } : options,
    resps: [[answer]],
    filtered_resps: [filtered],
    doc_hash: DOC_HASH,
    prompt_hash: sha256(context),
    target_hash: sha256(pythonText(target)),
    ...values,
    input: context,
  }
}

const isRecorded = ([key, value]: [string, unknown]): boolean => !key.includes("image") && !holdsBytes(value)

/** Whole numbers of 64 bits as JSON has them. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value)
  return Array.isArray(value) ? value.map(plain) : value
}
