/** Questions with expected answers, from the format that training reads. */

import { dirname } from "node:path"
import { JsonRecords } from "../data/json-array.js"
import { named, parseSample } from "../data/llava.js"
import { ofPicture } from "../data/picture-error.js"
import { UserError } from "../errors.js"
import { requirePicture } from "../image/file.js"
import { type Message, partsOf } from "../text/conversation.js"

export interface Question {
  /** File and record. */
  where: string
  /** The conversation up to the answer, earlier answers as they are expected. */
  messages: Message[]
  /** Paths, in the order of their slots. */
  images: string[]
  /** What is right; any of them. */
  references: string[]
}

export interface QuestionOptions {
  /** Folder that relative image paths start from. @default the folder of the file */
  imageRoot?: string
  /** Takes the first so many. @default all */
  limit?: number
}

/**
 * Every answer of every record of a LLaVA-format file is a question. Prompts are those that training writes.
 * @throws UserError naming the record that cannot be asked, or the file when there is nothing in it to ask
 */
export async function readQuestions(
  file: string,
  { imageRoot = dirname(file), limit = Number.POSITIVE_INFINITY }: QuestionOptions = {},
): Promise<Question[]> {
  const records = new JsonRecords(file)
  const questions: Question[] = []
  try {
    for (let index = 0; index < records.length && questions.length < limit; index++) {
      const where = `${file}, record ${index}`
      const { messages, images } = parseSample(records.read(index), where, imageRoot)
      for (const image of images)
        await ofPicture(image, () => requirePicture(image)).catch((error) => named(where, () => raise(error)))
      questions.push(...questionsOf(messages, images, where))
    }
  } finally {
    records.close()
  }
  if (questions.length === 0)
    throw new UserError("there is no question in it", {
      where: file,
      fix: "give a LLaVA-format file whose conversations have the expected answers",
    })
  return questions.slice(0, limit)
}

function raise(error: unknown): never {
  throw error
}

function questionsOf(messages: readonly Message[], images: readonly string[], where: string): Question[] {
  return messages.flatMap(({ role, content }, i): Question[] => {
    if (role !== "assistant") return []
    const before = messages.slice(0, i)
    if (before.at(-1)?.role !== "user")
      throw new UserError("an answer stands behind no question", { where, fix: "let user and assistant take turns" })
    const reference = textOf(content)
    if (reference === "")
      throw new UserError("an expected answer is empty", { where, fix: "write it, or remove the record" })
    const shown = before.flatMap(({ content }) => partsOf(content)).filter(({ type }) => type === "image").length
    return [{ where, messages: before, images: images.slice(0, shown), references: [reference] }]
  })
}

/** The words of a message, without its pictures. */
export const textOf = (content: Message["content"]): string =>
  partsOf(content)
    .map((part) => (part.type === "text" ? part.text : ""))
    .join("")
    .trim()
