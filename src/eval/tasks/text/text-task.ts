/** Tasks of text alone, as lm-evaluation-harness has them: plain text that a base model continues, with examples before it. */

import type { Asked, Doc, HubSource, Task } from "../../task/task.js"

/** Documents whose answers a prompt shows before it asks. */
export interface Examples {
  source: HubSource
  /** How many lm-evaluation-harness shows unless told otherwise, and usual figures have. */
  count: number
  /** The question with its answer. */
  shown(example: Doc): string
  /** Whether it may be shown before this document. @default any may */
  suits?(example: Doc, doc: Doc): boolean
}

export interface TextTask extends Task {
  examples?: Examples
  /** What stands before everything. @default nothing */
  described?(doc: Doc): string
  /** The question, without what stands before it. */
  question(doc: Doc): string
  /** To choose from by likelihood. @default the answer is generated */
  options?(doc: Doc): readonly string[]
}

/** What of a text task is to be said; the rest follows. */
export type TextTaskParts = Omit<TextTask, "ask">

/** A task that shows no examples. */
export function textTask(parts: TextTaskParts): TextTask {
  return { ...parts, pictures: [], ask: (doc) => ask(parts, doc, []) }
}

/**
 * The same task with examples before its questions: the first so many that suit, in their order.
 * @param examples documents of `task.examples.source`
 */
export function withExamples(task: TextTask, examples: readonly Doc[], count = task.examples?.count ?? 0): TextTask {
  const { suits = () => true } = task.examples ?? {}
  return {
    ...task,
    shots: count,
    ask: (doc) => ask(task, doc, examples.filter((example) => suits(example, doc)).slice(0, count)),
  }
}

function ask({ described, question, options, examples }: TextTaskParts, doc: Doc, shown: readonly Doc[]): Asked {
  const before = shown.map((example) => `${examples?.shown(example)}\n\n`).join("")
  return {
    context: `${described?.(doc) ?? ""}${before}${question(doc)}`,
    pictures: [],
    ...(options && { choices: options(doc).map((option) => ` ${option}`) }),
    plain: true,
  }
}
