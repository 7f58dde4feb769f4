/** LLaDA's conversation formats (docs/reference.md, "Chat formats of LLaDA"). */

import { IMAGE, type Message, type Part, partsOf, withSystem } from "../message.js"
import type { Tokenizer } from "../tokenizer/tokenizer.js"
import { bodyIds, type Encoded, type EncodeOptions, SequenceWriter } from "../writer.js"

export interface LladaPromptOptions extends EncodeOptions {
  /** Lose the token after each image, as the authors' evaluation does (docs/reference.md, Q22). @default false */
  dropAfterImage?: boolean
}

const SYSTEM =
  "You are a helpful language and vision assistant. You are able to understand the visual content that the user provides, and assist the user with a variety of tasks using natural language."

interface Marks {
  start: number
  headerStart: number
  headerEnd: number
  end: number
}

function marksOf(tokenizer: Tokenizer): Marks {
  return {
    start: tokenizer.require("<|startoftext|>"),
    headerStart: tokenizer.require("<|start_header_id|>"),
    headerEnd: tokenizer.require("<|end_header_id|>"),
    end: tokenizer.require("<|eot_id|>"),
  }
}

const header = (role: string, marks: Marks, tokenizer: Tokenizer): number[] => [
  marks.headerStart,
  ...tokenizer.encode(role),
  marks.headerEnd,
]

/** A whole message; trusted text is tokenised from mark to mark, as an added token may take spaces along. */
function messageIds(
  role: string,
  parts: readonly Part[],
  marks: Marks,
  tokenizer: Tokenizer,
  options: EncodeOptions,
): number[] {
  if (!options.special)
    return [...header(role, marks, tokenizer), ...bodyIds("\n\n", parts, tokenizer, options), marks.end]
  const opening = `<|start_header_id|>${role}<|end_header_id|>\n\n`
  return bodyIds(opening, parts, tokenizer, options, [IMAGE], "<|eot_id|>")
}

/** Training: header blocks with untrimmed content; assistant messages are learned whole, and all marks anywhere. */
export function encodeLlada(messages: readonly Message[], tokenizer: Tokenizer, options: EncodeOptions): Encoded {
  const marks = marksOf(tokenizer)
  const writer = new SequenceWriter()
  writer.push([marks.start], true)
  for (const { role, content } of withSystem(messages, SYSTEM)) {
    const ids = messageIds(role, partsOf(content), marks, tokenizer, options)
    if (role === "assistant") writer.answer(ids, header(role, marks, tokenizer).length)
    else writer.push(ids, false)
  }
  return writer.done(new Set(Object.values(marks)))
}

/** The first stage of LLaDA: one image, the caption and a line break; the question is dropped. */
export function encodeLladaPlain(messages: readonly Message[], tokenizer: Tokenizer, options: EncodeOptions): Encoded {
  const caption = messages.find(({ role }) => role === "assistant")!
  const text = partsOf(caption.content).filter(({ type }) => type === "text")
  const writer = new SequenceWriter()
  writer.push([IMAGE], false)
  writer.answer(bodyIds("", [...text, { type: "text", text: "\n" }], tokenizer, options))
  return writer.done()
}

/** The chat template of LLaDA-V trims contents. */
function trimmed(parts: readonly Part[]): Part[] {
  return parts.map((part, i): Part => {
    if (part.type === "image") return part
    let { text } = part
    if (i === 0) text = text.trimStart()
    if (i === parts.length - 1) text = text.trimEnd()
    return { type: "text", text }
  })
}

/** The conversation so far, contents trimmed, and the header of the answer to come. */
export function lladaPrompt(
  messages: readonly Message[],
  tokenizer: Tokenizer,
  { dropAfterImage = false, ...options }: LladaPromptOptions,
): number[] {
  const marks = marksOf(tokenizer)
  const ids = [marks.start]
  for (const { role, content } of withSystem(messages, SYSTEM)) {
    ids.push(...messageIds(role, trimmed(partsOf(content)), marks, tokenizer, options))
  }
  ids.push(...header("assistant", marks, tokenizer), ...tokenizer.encode("\n\n"))
  // Where two images are neighbours there is no token between them to lose.
  return dropAfterImage ? ids.filter((id, i) => ids[i - 1] !== IMAGE || id === IMAGE) : ids
}
