/** The turns of a conversation, found in its labels, and who sees whom (docs/reference.md, "Full-diffusion loss"). */

import type { AttentionPattern, Span } from "../../nn/attention-pattern.js"

/** Ids that tell where messages begin and end, and whose they are. */
export interface TurnMarks {
  /** The first token of a message. */
  start: number
  /** The last token of a message. */
  end: number
  /** Behind `start`: the message is the assistant's. */
  assistant: number
}

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

/** The same where labels are those of answers alone: a turn is a question and its answer. */
export function turnsOfAnswers(labels: Int32Array): Int32Array {
  let turn = 0
  return labels.map((label, i) => (label < 0 && i > 0 && labels[i - 1] >= 0 ? ++turn : turn))
}

/**
 * The turns of a training sample: where no mark is labelled, as a model's own chat template writes samples, by all its marks,
 * and where it has none of them by its answers.
 * @param sample ids and labels, of one length
 */
export function turnsOfSample({ ids, labels }: { ids: Int32Array; labels: Int32Array }, marks: TurnMarks): Int32Array {
  if (labels.includes(marks.start)) return turnsOf(labels, marks)
  return ids.includes(marks.start) ? turnsOf(ids, marks) : turnsOfAnswers(labels)
}

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
