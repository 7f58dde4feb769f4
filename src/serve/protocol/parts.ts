/** Contents of messages, whatever their protocol: texts and pictures in the order in which they were written. */

import type { Part } from "../../text/message.js"

/** Where a picture is, as a request names it. */
export type PictureReference =
  /** The text of its base64, or a name for one that was taken out of the body. */
  { type: "base64"; data: string } | { type: "url"; url: string }

export type ContentPart = { type: "text"; text: string } | { type: "picture"; picture: PictureReference }

/** Separates what a model has learned to find separated: pictures by a space, a picture from the text about it by a line. */
export function written(content: readonly ContentPart[]): { parts: Part[]; pictures: PictureReference[] } {
  const parts: Part[] = []
  const pictures: PictureReference[] = []
  let behindPicture = false
  for (const part of content) {
    if (part.type === "picture") {
      if (behindPicture) parts.push({ type: "text", text: " " })
      parts.push({ type: "image" })
      pictures.push(part.picture)
      behindPicture = true
    } else if (part.text !== "") {
      const separated = !behindPicture || /^\s/.test(part.text)
      parts.push({ type: "text", text: separated ? part.text : `\n${part.text}` })
      behindPicture = false
    }
  }
  return { parts, pictures }
}

/** The picture that an address of OpenAI's form names: a data URI, or an address that somebody has to open. */
export function pictureOf(url: string): PictureReference {
  const comma = url.indexOf(",")
  const data = /^data:[\w./+-]*(;[\w-]+=[^;,]*)*;base64,/i
  return comma >= 0 && data.test(url.slice(0, comma + 1))
    ? { type: "base64", data: url.slice(comma + 1) }
    : { type: "url", url }
}
