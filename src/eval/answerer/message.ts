/** What a document asks, as a message: where its pictures stand in the text (docs/evaluation.md 3.2). */

import { UserError } from "../../errors.js"
import { type Message, type Part, partsOf } from "../../text/message.js"
import type { Asked, DocPicture } from "../task/task.js"
import { promptPieces } from "../task/wrapper-prompt.js"

export interface AskedMessage {
  messages: Message[]
  /** One for each image part of the message, in order. */
  pictures: DocPicture[]
}

/**
 * A conversation is asked as it stands. Pictures stand in front of the text, or of what the user says first, unless it has places for
 * them.
 * @throws UserError for more places than pictures, in a conversation also for fewer
 */
export function messageOf({ context, pictures, messages }: Asked): AskedMessage {
  if (messages) {
    const shown = withPicturesInFront(messages, pictures.length)
    const places = shown.flatMap(({ content }) => partsOf(content)).filter(({ type }) => type === "image").length
    if (places === pictures.length) return { messages: shown, pictures: [...pictures] }
    throw new UserError(`the conversation has places for ${places} pictures, and there are ${pictures.length}`, {
      fix: "the document lacks pictures, or has too many: look at its columns",
    })
  }
  const pieces = promptPieces(context, pictures.length)
  const content = pieces.map(
    (piece): Part => (typeof piece === "string" ? { type: "text", text: piece } : { type: "image" }),
  )
  const shown = pieces.flatMap((piece) => (typeof piece === "string" ? [] : [pictures[piece.picture]]))
  return { messages: [{ role: "user", content }], pictures: shown }
}

function withPicturesInFront(messages: readonly Message[], count: number): Message[] {
  const hasPlaces = messages.some(({ content }) => partsOf(content).some(({ type }) => type === "image"))
  const first = hasPlaces ? -1 : messages.findIndex(({ role }) => role === "user")
  const images = Array.from({ length: count }, (): Part => ({ type: "image" }))
  return messages.map((message, i) => {
    if (i !== first || count === 0) return message
    const [text, ...others] = partsOf(message.content)
    const below = text?.type === "text" ? [{ ...text, text: `\n${text.text}` }, ...others] : others
    return { ...message, content: [...images, ...below] }
  })
}
