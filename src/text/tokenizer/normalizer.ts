/** The normalizer of a tokenizer.json, as the reference implementation does it. */

import type { Json } from "../../checkpoint/json.js"
import { isObject } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { bertNormalizer, lowerCase } from "./bert-normalizer.js"
import { toByteCharacters } from "./byte-level.js"
import { PrecompiledNormalizer } from "./library.js"
import { patternOf } from "./pattern.js"

export type Normalize = (text: string) => string

const FORMS = ["NFC", "NFD", "NFKC", "NFKD"]

/** @throws UserError when a step is unknown or its settings are not what it needs */
export function normalizerOf(step: unknown): Normalize {
  if (step == null) return (text) => text
  if (!isObject(step)) throw new UserError("a normalizer is not an object")
  const type = step.type as string
  if (FORMS.includes(type)) return (text) => text.normalize(type)
  switch (type) {
    case "Sequence":
      return sequence(step.normalizers)
    case "Prepend":
      return (text) => (text === "" ? "" : `${step.prepend ?? ""}${text}`)
    case "Replace": {
      const pattern = patternOf(step.pattern)
      const content = String(step.content ?? "")
      return (text) => text.replace(pattern, () => content)
    }
    case "Strip":
      return strip(step)
    case "StripAccents":
      return (text) => text.replace(/\p{M}/gu, "")
    case "Lowercase":
      return lowerCase
    case "ByteLevel":
      return toByteCharacters
    case "BertNormalizer":
      return bertNormalizer(step)
    case "Precompiled": {
      const library = new PrecompiledNormalizer(step)
      return (text) => library.normalize(text)
    }
    default:
      throw new UserError(`Unknown Normalizer type: ${JSON.stringify(type ?? null)}`)
  }
}

function sequence(steps: unknown): Normalize {
  if (!Array.isArray(steps)) throw new UserError("a sequence of normalizers is not a list")
  const all = steps.map(normalizerOf)
  return (text) => all.reduce((text, normalize) => normalize(text), text)
}

function strip({ strip_left: left, strip_right: right }: Json): Normalize {
  return (text) => {
    if (left) text = text.replace(/^\p{White_Space}+/u, "")
    return right ? text.replace(/\p{White_Space}+$/u, "") : text
  }
}
