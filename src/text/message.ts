/** Messages of a conversation and the special ids of a sequence. Knows no format and no tokenizer. */

/** Stands for one image in a sequence of ids. */
export const IMAGE = -200
/** Label of a position that is not learned. */
export const IGNORE = -100

export type Part = { type: "text"; text: string } | { type: "image" }

export interface Message {
  role: "system" | "user" | "assistant"
  content: string | Part[]
}

export function partsOf(content: string | Part[]): Part[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : content
}

/** A user message about images, as the evaluation writes it: images joined by spaces, a line break, the text. */
export function imagePrompt(images: number, text: string): Part[] {
  if (images === 0) return [{ type: "text", text }]
  const parts: Part[] = []
  for (let i = 0; i < images; i++) {
    if (i > 0) parts.push({ type: "text", text: " " })
    parts.push({ type: "image" })
  }
  return [...parts, { type: "text", text: `\n${text}` }]
}

/** The conversation with the format's own system message, unless it begins with one. */
export function withSystem(messages: readonly Message[], system: string): Message[] {
  if (messages[0]?.role === "system") return [...messages]
  return [{ role: "system", content: system }, ...messages]
}
