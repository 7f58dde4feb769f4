/** The question and the answer of a record in LLaVA's format, as columns. */

import { conversationOf } from "../../data/llava.js"
import { UserError } from "../../errors.js"
import { textOf } from "../questions.js"
import type { Doc } from "../task/task.js"

/** Columns that are made of a record's conversation. */
export const LLAVA_COLUMNS = ["question", "answer", "system"]

/**
 * The record's own members, and what is asked and answered in it; places of pictures are left out of the question.
 * @throws UserError when it is not one question with one answer
 */
export function llavaColumns(doc: Doc): Doc {
  const turns = doc.conversations ?? doc.messages
  if (!Array.isArray(turns)) throw new UserError("the record has no conversation", { where: "conversations" })
  const messages = conversationOf(turns, true)
  const [question, answer] = messages.filter(({ role }) => role !== "system")
  if (messages.filter(({ role }) => role !== "system").length !== 2 || answer.role !== "assistant")
    throw new UserError("the conversation is not one question with one answer", {
      where: "conversations",
      fix: "write each question as a record of its own",
    })
  const system = messages.find(({ role }) => role === "system")
  return {
    answer: textOf(answer.content),
    ...doc,
    question: textOf(question.content),
    system: system ? textOf(system.content) : "",
  }
}
