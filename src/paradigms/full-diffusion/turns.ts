/** The turns of a conversation, found by marks in its labels or by its answers, and who sees whom (docs/reference.md, "Full-diffusion loss"). */

import type { ModelConfig } from "../../checkpoint/config.js"
import type { AttentionPattern, Span } from "../../nn/attention-pattern.js"
import type { NamedFormat } from "../../text/conversation.js"
import type { AnswerSpan } from "../../text/formats/answer-spans.js"
import type { SequenceLayout } from "../../text/layout.js"

/** Ids that tell where messages begin and end, and whose they are. */
export interface TurnMarks {
  /** The first token of a message. */
  start: number
  /** The last token of a message. */
  end: number
  /** Behind `start`: the message is the assistant's. */
  assistant: number
}

/** The authors' own format of LLaDA's conversations. */
const LLADA_FORMAT: NamedFormat = "llava_llada"
/** <|start_header_id|>, <|eot_id|> and "assistant" of LLaDA. */
export const LLADA_TURNS: TurnMarks = { start: 126346, end: 126348, assistant: 598 }

/**
 * The turn of each position, from 0 on. A message is a labelled start mark with the labelled end mark behind it. A user's
 * message that follows one of the assistant's begins the next turn; what lies between or behind messages is of the turn
 * before it. Without marks all is one turn.
 */
export function turnsOf(labels: Int32Array, { start, end, assistant }: TurnMarks): Int32Array {
  const turns = new Int32Array(labels.length)
  const lastEnd = labels.lastIndexOf(end)
  let turn = 0
  let wasAssistant = false
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === start && i < lastEnd) {
      const isAssistant = labels[i + 1] === assistant
      if (wasAssistant && !isAssistant) turn++
      wasAssistant = isAssistant
    }
    turns[i] = turn
  }
  return turns
}

/** A turn ends with its answer, whatever else is labelled. Without answers all is one turn. */
function turnsOfAnswers(length: number, answers: readonly AnswerSpan[] = []): Int32Array {
  const turns = new Int32Array(length)
  for (const { end } of answers) for (let i = end; i < length; i++) turns[i]++
  return turns
}

/** What tells turns apart: marks that are labelled, or where the answers end. */
export type TurnRule = TurnMarks | "answers"

/** The turns of a training sample. */
export const turnsOfSample = (
  { labels, answers }: Pick<SequenceLayout, "labels" | "answers">,
  rule: TurnRule,
): Int32Array => (rule === "answers" ? turnsOfAnswers(labels.length, answers) : turnsOf(labels, rule))

/** The rule for conversations of a format. Ids of marks are those of one vocabulary, and other tokens in others. */
export const turnRule = ({ chat }: Pick<ModelConfig, "chat">): TurnRule =>
  chat === LLADA_FORMAT ? LLADA_TURNS : "answers"

/** Every row sees its own turn and those before it. @param turns of each row, ascending */
export function turnCausal(turns: Int32Array): AttentionPattern {
  const spans: Span[] = []
  for (let start = 0; start < turns.length; ) {
    let end = start
    while (end < turns.length && turns[end] === turns[start]) end++
    spans.push({ queries: [start, end], keys: [[0, end]] })
    start = end
  }
  return { queries: turns.length, keys: turns.length, spans }
}
