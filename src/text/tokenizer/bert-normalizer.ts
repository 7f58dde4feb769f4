/** BERT's normalizer, as the reference implementation does it: control characters, spaces, ideographs, accents, case. */

import type { Json } from "../../checkpoint/json.js"

/** What is no character of a text; tab and line ends are spaces. */
const CONTROL = /(?![\t\n\r])[\0\ufffd\p{Cc}\p{Cf}\p{Co}]/gu
const SPACE = /\p{White_Space}/gu
/** Each ideograph is a word of its own. The gap behind 2b81f is the reference's. */
const IDEOGRAPH =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu

/** @param step `{ type: "BertNormalizer", clean_text, handle_chinese_chars, strip_accents, lowercase }` */
export function bertNormalizer(step: Json): (text: string) => string {
  const { clean_text: clean, handle_chinese_chars: ideographs, lowercase } = step
  const accents = step.strip_accents ?? lowercase
  return (text) => {
    let normal = text
    if (clean) normal = normal.replace(CONTROL, "").replace(SPACE, " ")
    if (ideographs) normal = normal.replace(IDEOGRAPH, " $& ")
    if (accents) normal = normal.normalize("NFD").replace(/\p{Mn}/gu, "")
    return lowercase ? lowerCase(normal) : normal
  }
}

/** Character by character, as the reference: without the other sigma at the end of a word. */
export const lowerCase = (text: string): string => text.replaceAll("Σ", "σ").toLowerCase()
