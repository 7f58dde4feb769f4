/** What a document asks, as a message: where its pictures stand in the text (evaluation.md 3.2). */

import { UserError } from "../../errors.js"
import { imagePrompt, type Message, type Part } from "../../text/message.js"
import type { Asked, DocPicture } from "../task/task.js"

/** What stands for a picture in the text of some tasks. */
const PLACE = "<image>"

export interface AskedMessage {
  messages: Message[]
  /** One for each place of the message, in order. */
  pictures: DocPicture[]
}

/**
 * Pictures stand in front of the text, unless it has places for them. They fill the places in order: those that find none are
 * not shown, and one place too many shows the last picture again, as in the authors' wrapper.
 * @throws UserError for more places than that
 */
export function messageOf({ context, pictures }: Asked): AskedMessage {
  const message = (content: Part[], shown: readonly DocPicture[]): AskedMessage => ({
    messages: [{ role: "user", content }],
    pictures: [...shown],
  })
  const pieces = context.split(PLACE)
  const places = pieces.length - 1
  if (pictures.length === 0) return message([{ type: "text", text: context }], [])
  if (places === 0) return message(imagePrompt(pictures.length, context), pictures)
  if (places > pictures.length + 1)
    throw new UserError(
      `the text has ${places} places for pictures (${PLACE}), and the document ${pictures.length} pictures`,
    )
  const content = pieces.flatMap((text, i): Part[] => [
    ...(i > 0 ? [{ type: "image" } as const] : []),
    ...(text === "" ? [] : [{ type: "text", text } as const]),
  ])
  const shown = [...pictures, pictures[pictures.length - 1]].slice(0, places)
  return message(content, shown)
}
