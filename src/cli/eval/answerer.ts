/** Whoever answers in a conversation on the terminal: a model of this machine, or a server. */

import type { GenerateOptions } from "../../generate/generate.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"

/** What has been said, and what may be asked for. */
export type Question = Pick<GenerateOptions, "messages" | "signal"> & DecodingOptions & { images: string[] }

/** Shows an answer while it comes about, and gives its text and lines about it. */
export interface Answerer {
  name: string
  ask(question: Question, isFirst: boolean): Promise<{ text: string; notes: string }>
}
