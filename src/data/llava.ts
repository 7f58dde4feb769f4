/** LLaVA-format records → messages and image paths. Every bad record is named: file, index, reason. */

import { isAbsolute, join } from "node:path"
import { UserError } from "../errors.js"
import { type Message, type Part, partsOf } from "../text/message.js"

const MARK = "<image>"
/** Left in some public data by the program that wrote it. */
const LEFTOVER = /QA_GT_caption_based_noisy/g

interface Turn {
  from?: unknown
  value?: unknown
  role?: unknown
  content?: unknown
}

const ROLES = new Map<unknown, Message["role"]>([
  ["human", "user"],
  ["user", "user"],
  ["gpt", "assistant"],
  ["assistant", "assistant"],
  ["system", "system"],
])

function splitMarks(text: string): Part[] {
  return text
    .split(MARK)
    .flatMap((piece, i): Part[] => [
      ...(i > 0 ? [{ type: "image" } as const] : []),
      ...(piece === "" ? [] : [{ type: "text", text: piece } as const]),
    ])
}

/**
 * The messages of a record, rewritten as the authors do: a single `<image>` of a message moves to its front, and a
 * conversation that does not start with the user loses its first message.
 * @param hasImage whether `<image>` marks stand for images; without one they are ordinary text
 * @param keepPlace leave the marks where they are (evaluation prompts)
 */
export function conversationOf(turns: readonly (Turn | null)[], hasImage: boolean, keepPlace = false): Message[] {
  const messages = turns.map((turn): Message => {
    const name = turn?.from ?? turn?.role
    const value = turn?.value ?? turn?.content
    const role = ROLES.get(name)
    if (!role)
      throw new UserError(`a turn is from ${JSON.stringify(name) ?? "nobody"}`, {
        fix: "use human and gpt, or user and assistant",
      })
    if (typeof value !== "string") throw new UserError("a turn has no text")
    let text = value.replace(LEFTOVER, "")
    if (!hasImage && !keepPlace) return { role, content: text }
    if (!keepPlace && text.split(MARK).length === 2 && !text.startsWith(MARK))
      text = `${MARK}\n${text.replace(MARK, "").trim()}`
    return { role, content: splitMarks(text) }
  })
  return messages[0] && messages[0].role === "assistant" ? messages.slice(1) : messages
}

export interface Sample {
  messages: Message[]
  /** Paths of the images, in the order of their slots. */
  images: string[]
  /** What the sample asks for, when the data says so; see the `pictures` sampler. */
  task?: string
  /** Pictures that may be laid over this one in training. */
  mix: string[]
  /** Whether training may mirror the pictures. */
  mirror: boolean
}

/** A path or a list of paths. */
function pathsOf(value: unknown, name: string): string[] {
  if (value === undefined) return []
  const list = typeof value === "string" ? [value] : value
  if (Array.isArray(list) && list.every((path) => typeof path === "string" && path !== "")) return list
  throw new UserError(`"${name}" is neither a path nor a list of paths`)
}

const slotsOf = (messages: readonly Message[]): number =>
  messages.flatMap(({ content }) => partsOf(content)).filter(({ type }) => type === "image").length

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`

/**
 * One record of a LLaVA-format file.
 * @param where file and index, for errors
 * @param imageRoot folder that relative image paths start from
 */
export function parseSample(record: unknown, where: string, imageRoot: string): Sample {
  try {
    if (typeof record !== "object" || record === null || Array.isArray(record))
      throw new UserError("the record is not an object")
    const { conversations, messages, image, images, task, mix, mirror } = record as Record<string, unknown>
    const turns = conversations ?? messages
    if (!Array.isArray(turns) || turns.length === 0) throw new UserError('the record has no "conversations"')
    if (task !== undefined && typeof task !== "string") throw new UserError('"task" is not a text')
    const paths = pathsOf(image ?? images, "image")
    const parsed = conversationOf(turns as (Turn | null)[], paths.length > 0)
    const slots = slotsOf(parsed)
    if (slots !== paths.length)
      throw new UserError(`the text has ${count(slots, "<image> mark")}, the record ${count(paths.length, "image")}`, {
        fix: "write one <image> for each image",
      })
    if (!parsed.some(({ role }) => role === "assistant")) throw new UserError("the conversation has no answer to learn")
    const resolvePath = (path: string): string => (isAbsolute(path) ? path : join(imageRoot, path))
    return {
      messages: parsed,
      images: paths.map(resolvePath),
      ...(task !== undefined && { task }),
      mix: pathsOf(mix, "mix").map(resolvePath),
      mirror: mirror !== false,
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(error.message, {
      where: error.where ? `${where}, ${error.where}` : where,
      fix: error.fix,
      cause: error,
    })
  }
}
