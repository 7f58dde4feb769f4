/** The pre-tokenizer of a tokenizer.json, as the reference implementation does it: text → pieces that never merge. */

import type { Json } from "../../checkpoint/json.js"
import { isObject } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { toByteCharacters } from "./byte-level.js"
import { GPT2_PATTERN, patternOf, regex } from "./pattern.js"

/**
 * @param pieces what earlier steps made
 * @param first whether the first piece begins the whole text
 */
export type PreTokenize = (pieces: readonly string[], first: boolean) => string[]

const PUNCTUATION = "[\\p{P}!-/:-@\\[-`{-~]"

/** @throws UserError when a step is unknown or its settings are not what it needs */
export function preTokenizerOf(step: unknown): PreTokenize {
  if (step == null) return (pieces) => [...pieces]
  if (!isObject(step)) throw new UserError("a pre-tokenizer is not an object")
  const type = step.type as string
  switch (type) {
    case "Sequence":
      return sequence(step.pretokenizers)
    case "ByteLevel":
      return byteLevel(step)
    case "Metaspace":
      return metaspace(step)
    case "Split":
      return splitting(patternOf(step.pattern), step.behavior, Boolean(step.invert))
    case "Digits":
      return splitting(regex("\\p{N}"), step.individual_digits ? "Isolated" : "Contiguous")
    case "Punctuation":
      return splitting(regex(PUNCTUATION), step.behavior ?? "Isolated")
    case "Whitespace":
      return splitting(regex("\\w+|[^\\w\\s]+"), "Removed", true)
    case "WhitespaceSplit":
      return splitting(regex("\\s"), "Removed")
    case "CharDelimiterSplit":
      return splitting(patternOf({ String: step.delimiter }), "Removed")
    case "BertPreTokenizer": {
      const [words, marks] = [splitting(regex("\\s"), "Removed"), splitting(regex(PUNCTUATION), "Isolated")]
      return (pieces, first) => marks(words(pieces, first), first)
    }
    case "FixedLength":
      return fixedLength(step.length)
    default:
      throw new UserError(`Unknown PreTokenizer type: ${JSON.stringify(type ?? null)}`)
  }
}

function sequence(steps: unknown): PreTokenize {
  if (!Array.isArray(steps)) throw new UserError("a sequence of pre-tokenizers is not a list")
  const all = steps.map(preTokenizerOf)
  return (pieces, first) => all.reduce((pieces, step) => step(pieces, first), [...pieces])
}

function byteLevel({ add_prefix_space: prefix, use_regex: split = true }: Json): PreTokenize {
  const words = split ? splitting(regex(GPT2_PATTERN), "Isolated") : preTokenizerOf(null)
  return (pieces, first) => {
    const spaced = prefix ? pieces.map((piece) => (piece.startsWith(" ") ? piece : ` ${piece}`)) : pieces
    return words(spaced, first).map(toByteCharacters)
  }
}

/** SentencePiece's spaces: "▁" for each, one before the text, and a new piece at each unless `split` is false. */
function metaspace({ replacement, prepend_scheme: scheme, add_prefix_space: prefix, split = true }: Json): PreTokenize {
  const mark = typeof replacement === "string" && replacement !== "" ? replacement : "▁"
  const prepends = scheme ?? (prefix === false ? "never" : "always")
  const words = split ? splitting(patternOf({ String: mark }), "MergedWithNext") : preTokenizerOf(null)
  return (pieces, first) => {
    const marked = pieces.map((piece, i) => {
      const text = piece.replaceAll(" ", mark)
      const spaced = prepends === "always" || (prepends === "first" && first && i === 0)
      return spaced && !text.startsWith(mark) ? mark + text : text
    })
    return words(marked, first)
  }
}

function fixedLength(length: unknown): PreTokenize {
  if (!Number.isInteger(length) || (length as number) < 1) throw new UserError("FixedLength has no length")
  return (pieces) =>
    pieces.flatMap((piece) => {
      const characters = Array.from(piece)
      const starts = Array.from({ length: Math.ceil(characters.length / (length as number)) }, (_, i) => i)
      return starts.map((i) => characters.slice(i * (length as number), (i + 1) * (length as number)).join(""))
    })
}

interface Match {
  start: number
  end: number
  /** What the pattern found (or, inverted, what it left). */
  found: boolean
}

type Behavior = (matches: readonly Match[]) => Match[]

const BEHAVIORS: Record<string, Behavior> = {
  Isolated: (matches) => [...matches],
  Removed: (matches) => matches.filter(({ found }) => !found),
  Contiguous: (matches) =>
    matches.reduce<Match[]>((pieces, match) => {
      const last = pieces.at(-1)
      if (last?.found === match.found) last.end = match.end
      else pieces.push({ ...match })
      return pieces
    }, []),
  MergedWithPrevious: (matches) =>
    matches.reduce<Match[]>((pieces, match, i) => {
      const last = pieces.at(-1)
      if (match.found && last && !matches[i - 1].found) last.end = match.end
      else pieces.push({ ...match })
      return pieces
    }, []),
  MergedWithNext: (matches) =>
    matches
      .reduceRight<Match[]>((pieces, match, i) => {
        const last = pieces.at(-1)
        if (match.found && last && !matches[i + 1].found) last.start = match.start
        else pieces.push({ ...match })
        return pieces
      }, [])
      .reverse(),
}

/** Splits each piece at what the pattern finds; the behaviour says where that goes. */
function splitting(pattern: RegExp, name: unknown, invert = false): PreTokenize {
  const behavior = BEHAVIORS[String(name)]
  if (!behavior) throw new UserError(`Unknown Split behavior: ${JSON.stringify(name ?? null)}`)
  return (pieces) =>
    pieces.flatMap((piece) =>
      behavior(matchesIn(piece, pattern, invert))
        .filter(({ start, end }) => start < end)
        .map(({ start, end }) => piece.slice(start, end)),
    )
}

function matchesIn(text: string, pattern: RegExp, invert: boolean): Match[] {
  const matches: Match[] = []
  let done = 0
  for (const { 0: found, index } of text.matchAll(pattern)) {
    if (found === "") continue
    if (done < index) matches.push({ start: done, end: index, found: invert })
    done = index + found.length
    matches.push({ start: index, end: done, found: !invert })
  }
  if (done < text.length) matches.push({ start: done, end: text.length, found: invert })
  return matches
}
