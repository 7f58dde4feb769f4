/** Characters that this JavaScript and the reference tokenizers both know: each has its own version of Unicode. */

import { Tokenizer } from "tokenizers"

const unassigned = await unassignedInReference()

/** `text` with "?" for each character that only one of the two Unicode versions has assigned. */
export function known(text: string): string {
  return Array.from(text, (one) => (unassigned.has(one) === /^\p{Cn}$/u.test(one) ? one : "?")).join("")
}

/** The characters that the reference's regular expressions take for unassigned. */
async function unassignedInReference(): Promise<Set<string>> {
  const all = Array.from({ length: 0x110000 }, (_, code) => code)
    .filter((code) => code < 0xd800 || code >= 0xe000)
    .map((code) => String.fromCodePoint(code))
  const reference = Tokenizer.fromString(
    JSON.stringify({
      version: "1.0",
      added_tokens: [],
      pre_tokenizer: { type: "Split", pattern: { Regex: "\\P{Cn}" }, behavior: "Removed", invert: false },
      model: { type: "WordLevel", vocab: { any: 0 }, unk_token: "any" },
    }),
  )
  const left = await reference.encode(all.join(""), null, { addSpecialTokens: false })
  return new Set(left.getOffsets().flatMap(([from, to]) => all.slice(from, to)))
}
