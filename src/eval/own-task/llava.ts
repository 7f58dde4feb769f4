/** The questions and answers of a record in LLaVA's format. */

import { conversationOf } from "../../data/llava.js"
import { UserError } from "../../errors.js"
import { type Message, type Part, partsOf } from "../../text/message.js"
import type { Doc } from "../task/task.js"

/** Columns that are made of a record's conversation. */
export const LLAVA_COLUMNS = ["question", "answer", "system"]

/** Where a record has several answers: which of its messages is the one that is asked for. */
export const ASKED_TURN = "asked_turn"

export interface LlavaQuestion {
  /** The record's own members, and what is asked and answered in it; places of pictures are left out of the question. */
  columns: Doc
  /** What was said before the question, as it is trained on: earlier answers as they are expected. */
  before: Message[]
  question: Message
}

/** @throws UserError when the record has no conversation */
export function messagesOf(doc: Doc): Message[] {
  const turns = doc.conversations ?? doc.messages
  if (!Array.isArray(turns)) throw new UserError("the record has no conversation", { where: "conversations" })
  return conversationOf(turns, true)
}

/** Where the answers are among the messages. */
export const answersIn = (messages: readonly Message[]): number[] =>
  messages.flatMap(({ role }, i) => (role === "assistant" ? [i] : []))

/** @throws UserError when it is not told which answer is meant, or it stands behind no question */
export function llavaQuestion(doc: Doc): LlavaQuestion {
  const messages = messagesOf(doc)
  const answers = answersIn(messages)
  const turn = doc[ASKED_TURN] ?? (answers.length === 1 ? answers[0] : undefined)
  const at = typeof turn === "number" && messages[turn - 1]?.role === "user" ? turn : undefined
  if (at === undefined)
    throw new UserError("the conversation is not one question with one answer", {
      where: "conversations",
      fix: "write each question as a record of its own",
    })
  const [before, question] = [messages.slice(0, at - 1), messages[at - 1]]
  const system = before.find(({ role }) => role === "system")
  return {
    columns: {
      answer: textOf(messages[at].content),
      ...doc,
      question: textOf(question.content),
      system: system ? textOf(system.content) : "",
    },
    before,
    question,
  }
}

/** The words of a message, without its pictures. */
export const textOf = (content: Message["content"]): string =>
  partsOf(content)
    .map((part) => (part.type === "text" ? part.text : ""))
    .join("")
    .trim()

export const picturesIn = (messages: readonly Message[]): number => messages.flatMap(imagesOf).length

const imagesOf = ({ content }: Message): Part[] => partsOf(content).filter(({ type }) => type === "image")

/** The message with other words, its pictures before them. */
export function reworded(message: Message, text: string): Message {
  const images = imagesOf(message)
  return { ...message, content: images.length === 0 ? text : [...images, { type: "text", text: `\n${text}` }] }
}
