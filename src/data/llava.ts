/** LLaVA-format records → messages and image paths. Every bad record is named: file, index, reason. */

import { isAbsolute, join } from "node:path"
import { UserError } from "../errors.js"
import { counted, readable, shown } from "../readable.js"
import { type Message, type Part, partsOf } from "../text/message.js"
import { urlProblem } from "../url.js"

const MARK = "<image>"
/** Left in some public data by the program that wrote it. */
const LEFTOVER = /QA_GT_caption_based_noisy/g

/** Members that are null count as absent, as programs write them for columns without a value. */
export interface Turn {
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
 * Which members of a turn are read. The authors' chat formats take `role` and `content` where a turn has both and `from`
 * and `value` otherwise; their plain format knows `from` and `value` only (docs/reference.md, "Chat format of Qwen" and
 * docs/reference.md, "Chat formats of LLaDA").
 */
export type TurnKeys = "chat" | "plain"

/** Who speaks and what, by the members that count; undefined where one is missing. */
function spoken(turn: Turn | null | undefined, keys: TurnKeys): { name: unknown; text: unknown; both: boolean } {
  const { from, value, role, content } = turn ?? {}
  const messageKeys = role != null && content != null
  const turnKeys = from != null && value != null
  if (messageKeys && (keys === "chat" || !turnKeys)) return { name: role, text: content, both: turnKeys }
  if (turnKeys) return { name: from, text: value, both: false }
  if (role != null || content != null)
    throw new UserError(`a turn has ${role != null ? '"role" but no "content"' : '"content" but no "role"'}`, {
      fix: "write role and content, or from and value",
    })
  return { name: from, text: value, both: false }
}

/**
 * The messages of a record, rewritten as the authors do: a single `<image>` of a message moves to its front, and a
 * conversation that does not start with the user loses its first message. They rewrite `value` only: `content` stays
 * as it is beside one.
 * @param hasImage whether `<image>` marks stand for images; without one they are ordinary text
 * @param keepPlace leave the marks where they are (evaluation prompts)
 */
export function conversationOf(
  turns: readonly (Turn | null)[],
  hasImage: boolean,
  keepPlace = false,
  keys: TurnKeys = "chat",
): Message[] {
  const messages = turns.map((turn): Message => {
    const { name, text: spokenText, both } = spoken(turn, keys)
    const role = ROLES.get(name)
    if (!role)
      throw new UserError(`a turn is from ${name == null ? "nobody" : shown(name)}`, {
        fix: "use human and gpt, or user and assistant",
      })
    if (typeof spokenText !== "string") throw new UserError("a turn has no text")
    const half = /[\ud800-\udfff]/u.exec(spokenText)
    if (half)
      throw new UserError(`a text has half of a character (${JSON.stringify(half[0]).slice(1, -1)})`, {
        fix: "write the record again from its source; a text was cut inside of an emoji, perhaps",
      })
    let text = both ? spokenText : spokenText.replace(LEFTOVER, "")
    if (!hasImage && !keepPlace) return { role, content: text }
    if (!keepPlace && !both && text.split(MARK).length === 2 && !text.startsWith(MARK))
      text = `${MARK}\n${text.replace(MARK, "").trim()}`
    return { role, content: splitMarks(text) }
  })
  // Whom the first message is from is a matter of `from`, where there is one.
  const first = turns[0]?.from ?? turns[0]?.role
  return ROLES.get(first) === "assistant" ? messages.slice(1) : messages
}

export interface Sample {
  messages: Message[]
  /** Paths of the images, in the order of their slots. */
  images: string[]
  /** What the sample asks for, when the data says so; the `grouped` sampler draws by it. */
  task?: string
  /** Paths of images that training may mix into those of the sample. */
  mixWith: string[]
  /** Random variations that would change what the images show. */
  augmentations: { flip: boolean }
}

/** A path or a list of paths. */
function pathsOf(value: unknown, name: string): string[] {
  if (value == null) return []
  const list = typeof value === "string" ? [value] : value
  if (!Array.isArray(list) || !list.every((path) => typeof path === "string" && path !== ""))
    throw new UserError(`"${name}" is neither a path nor a list of paths`)
  for (const path of list) requirePath(path)
  return list
}

function requirePath(path: string): void {
  const url = urlProblem(path, "image")
  if (url) throw new UserError(`${url.what} (${url.shown})`, { fix: url.fix })
  if (path.includes("\0")) throw new UserError(`the path of an image has a NUL character (${readable(path)})`)
}

/** The members of a record that say what it is about, however they are called. */
export function recordParts(record: unknown): { turns: unknown; images: string[]; task: unknown } {
  if (typeof record !== "object" || record === null || Array.isArray(record))
    throw new UserError("the record is not an object")
  const { conversations, messages, image, images, task } = record as Record<string, unknown>
  return { turns: conversations ?? messages, images: pathsOf(image ?? images, "image"), task: task ?? undefined }
}

/** Words of all turns of a record, wherever they stand; nothing is judged here. */
export function countWords(record: unknown): number {
  const { conversations, messages } = (record ?? {}) as Record<string, unknown>
  const turns = conversations ?? messages
  return (Array.isArray(turns) ? turns : []).reduce((n: number, turn: Turn | null) => {
    const text = turn?.value ?? turn?.content
    return n + (typeof text === "string" ? text.split(/\s+/).filter(Boolean).length : 0)
  }, 0)
}

/** Image slots, or marks in the text of a record without images: an image that was forgotten, not text to learn. */
const marksOf = (messages: readonly Message[]): number =>
  messages
    .flatMap(({ content }) => partsOf(content))
    .reduce((n, part) => n + (part.type === "image" ? 1 : part.text.split(MARK).length - 1), 0)

/**
 * One record of a LLaVA-format file.
 * @param where file and index, for errors
 * @param imageRoot folder that relative image paths start from
 * @throws UserError for a record that has nothing to learn, or whose marks and images do not fit together
 */
export function parseSample(record: unknown, where: string, imageRoot: string, keys: TurnKeys = "chat"): Sample {
  return named(where, () => {
    const { turns, images: paths, task } = recordParts(record)
    const { mix_with, augmentations } = record as Record<string, unknown>
    requireNewNames(record as object)
    if (!Array.isArray(turns) || turns.length === 0) throw new UserError('the record has no "conversations"')
    if (task !== undefined && typeof task !== "string") throw new UserError('"task" is not a text')
    const mixWith = pathsOf(mix_with, "mix_with")
    const allowed = augmentationsOf(augmentations)
    const parsed = conversationOf(turns as (Turn | null)[], paths.length > 0, false, keys)
    const slots = marksOf(parsed)
    if (slots !== paths.length)
      throw new UserError(
        `the text has ${counted(slots, "<image> mark")}, the record ${counted(paths.length, "image")}`,
        {
          fix: "write one <image> for each image",
        },
      )
    requireAnswer(parsed)
    const resolvePath = (path: string): string => (isAbsolute(path) ? path : join(imageRoot, path))
    return {
      messages: parsed,
      images: paths.map(resolvePath),
      ...(task !== undefined && { task }),
      mixWith: mixWith.map(resolvePath),
      augmentations: allowed,
    }
  })
}

/** Names that keys had in the first version, and what to write in their place. */
const RENAMED = { mix: '"mix_with": [paths]', mirror: '"augmentations": {"flip": false}' }

function requireNewNames(record: object): void {
  for (const [old, now] of Object.entries(RENAMED))
    if (Object.hasOwn(record, old))
      throw new UserError(`"${old}" is an earlier name of a key`, { fix: `write ${now} in its place` })
}

/** Which variations the record allows; all, where it says nothing. */
function augmentationsOf(value: unknown): Sample["augmentations"] {
  const { flip = true, ...others } = (value ?? {}) as Record<string, unknown>
  const isObject = value == null || (typeof value === "object" && !Array.isArray(value))
  if (!isObject || typeof flip !== "boolean" || Object.keys(others).length > 0)
    throw new UserError(`"augmentations" is ${shown(value)}, not {"flip": true or false}`)
  return { flip }
}

/** Runs work on a record; what is wrong with it is said with the record's place. */
export function named<T>(where: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(error.message, {
      where: error.where ? `${where}, ${error.where}` : where,
      fix: error.fix,
      cause: error,
    })
  }
}

function requireAnswer(messages: readonly Message[]): void {
  const answers = messages.filter(({ role }) => role === "assistant")
  if (answers.length === 0) throw new UserError("the conversation has no answer to learn")
  const words = answers
    .flatMap(({ content }) => partsOf(content))
    .map((part) => (part.type === "text" ? part.text : ""))
  if (words.join("").trim() === "")
    throw new UserError("there is nothing to learn: the answers of the conversation are empty", {
      fix: "write the answers, or remove the record",
    })
}
