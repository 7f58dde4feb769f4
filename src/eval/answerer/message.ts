/** What a document asks, as a message: where its pictures stand in the text (docs/evaluation.md 3.2). */

import type { Message, Part } from "../../text/message.js"
import type { Asked, DocPicture } from "../task/task.js"
import { promptPieces } from "../task/wrapper-prompt.js"

export interface AskedMessage {
  messages: Message[]
  /** One for each image part of the message, in order. */
  pictures: DocPicture[]
}

/**
 * A conversation is asked as it stands; else pictures stand in front of the text, unless it has places for them.
 * @throws UserError for more places than pictures
 */
export function messageOf({ context, pictures, messages }: Asked): AskedMessage {
  if (messages) return { messages: [...messages], pictures: [...pictures] }
  const pieces = promptPieces(context, pictures.length)
  const content = pieces.map(
    (piece): Part => (typeof piece === "string" ? { type: "text", text: piece } : { type: "image" }),
  )
  const shown = pieces.flatMap((piece) => (typeof piece === "string" ? [] : [pictures[piece.picture]]))
  return { messages: [{ role: "user", content }], pictures: shown }
}
