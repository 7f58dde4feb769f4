/** Instructions of IFEval (Zhou et al. 2023) that can be checked by rule: id -> whether an answer follows one. */

import { parsePythonJson } from "../../task/python-json.js"
import { BOUNDARY, SPACE, strip, WORD, words } from "../../task/python-text.js"

export interface Given {
  readonly [argument: string]: unknown
}

type Rule = (answer: string, given: Given, prompt: string) => boolean

const text = (given: Given, key: string): string => String(given[key] ?? "")
const number = (given: Given, key: string): number => Number(given[key])
const texts = (given: Given, key: string): string[] => (Array.isArray(given[key]) ? given[key].map(String) : [])

/** "less than" or "at least". */
const compared = (count: number, given: Given, key: string): boolean =>
  given.relation === "less than" ? count < number(given, key) : count >= number(given, key)

/** What the instructions search for are patterns; what is none is searched for as it is. */
function pattern(source: string, flags: string): RegExp {
  try {
    return new RegExp(source, flags)
  } catch {
    return new RegExp(source.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), flags)
  }
}

const countOf = (answer: string, searched: RegExp): number => answer.match(searched)?.length ?? 0
const isBlank = (part: string): boolean => strip(part) === ""

/** Between the lines ***; undefined where one of the inner parts is empty. */
function partsBetween(parts: readonly string[]): string[] | undefined {
  const inner = parts.slice(1, -1)
  return inner.some(isBlank) ? undefined : parts.filter((part) => !isBlank(part))
}

/** From here to the end of the line. */
const LINE = "[^\\n]*"
const LINE_START = "(?<![^\\n])"
const BULLETS = [`${LINE_START}${SPACE}*\\*[^*]${LINE}`, `${LINE_START}${SPACE}*-${LINE}`].map(
  (source) => new RegExp(source, "g"),
)
const WORDS = new RegExp(`${WORD}+`, "gu")
const STARS = new RegExp(`${SPACE}?\\*\\*\\*${SPACE}?`)

function firstWord(paragraph: string): string {
  const [word = ""] = words(paragraph)
  return word
    .replace(/^'+/, "")
    .replace(/^"+/, "")
    .split(/[.,?!'"]/)[0]
    .toLowerCase()
}

function isJson(answer: string): boolean {
  const inner = strip(
    strip(answer)
      .replace(/^```(json|Json|JSON)?/, "")
      .replace(/```$/, ""),
  )
  try {
    parsePythonJson(inner)
    return true
  } catch {
    return false
  }
}

const FIXED_ANSWERS = ["My answer is yes.", "My answer is no.", "My answer is maybe."]

const POSTSCRIPTS: Readonly<Record<string, RegExp>> = {
  "P.P.S": new RegExp(`p\\.${SPACE}?p\\.${SPACE}?s`),
  "P.S.": new RegExp(`p\\.${SPACE}?s\\.`),
}

export const RULES: Readonly<Record<string, Rule>> = {
  "keywords:existence": (answer, given) => texts(given, "keywords").every((word) => pattern(word, "iu").test(answer)),
  "keywords:frequency": (answer, given) =>
    compared(countOf(answer, pattern(strip(text(given, "keyword")), "giu")), given, "frequency"),
  "keywords:forbidden_words": (answer, given) =>
    !texts(given, "forbidden_words").some((word) => pattern(`${BOUNDARY}${word}${BOUNDARY}`, "iu").test(answer)),
  "keywords:letter_frequency": (answer, given) => {
    const letter = strip(text(given, "letter")).toLowerCase()
    const count = [...answer.toLowerCase()].filter((character) => character === letter).length
    return given.let_relation === "less than"
      ? count < number(given, "let_frequency")
      : count >= number(given, "let_frequency")
  },
  "length_constraints:number_paragraphs": (answer, given) =>
    partsBetween(answer.split(STARS))?.length === number(given, "num_paragraphs"),
  "length_constraints:number_words": (answer, given) => compared(countOf(answer, WORDS), given, "num_words"),
  "length_constraints:nth_paragraph_first_word": (answer, given) => {
    const paragraphs = answer.split("\n\n")
    const count = paragraphs.filter((paragraph) => !isBlank(paragraph)).length
    const nth = number(given, "nth_paragraph")
    const paragraph = strip(paragraphs[nth - 1] ?? "")
    if (nth > count || paragraph === "") return false
    return count === number(given, "num_paragraphs") && firstWord(paragraph) === text(given, "first_word").toLowerCase()
  },
  "detectable_content:number_placeholders": (answer, given) =>
    countOf(answer, /\[[^\n]*?\]/g) >= number(given, "num_placeholders"),
  "detectable_content:postscript": (answer, given) => {
    const marker = strip(text(given, "postscript_marker"))
    return (POSTSCRIPTS[marker] ?? pattern(marker.toLowerCase(), "u")).test(answer.toLowerCase())
  },
  "detectable_format:number_bullet_lists": (answer, given) =>
    BULLETS.reduce((sum, bullets) => sum + countOf(answer, bullets), 0) === number(given, "num_bullets"),
  "detectable_format:constrained_response": (answer) => FIXED_ANSWERS.some((fixed) => answer.includes(fixed)),
  "detectable_format:number_highlighted_sections": (answer, given) => {
    const single = (answer.match(/\*[^\n*]*\*/g) ?? []).filter((part) => !isBlank(part.replace(/^\*+|\*+$/g, "")))
    const double = (answer.match(/\*\*[^\n*]*\*\*/g) ?? []).filter((part) => !isBlank(part.slice(2, -2)))
    return single.length + double.length >= number(given, "num_highlights")
  },
  "detectable_format:multiple_sections": (answer, given) => {
    const heading = new RegExp(
      `${SPACE}?${pattern(strip(text(given, "section_spliter")), "u").source}${SPACE}?\\p{Nd}+`,
      "gu",
    )
    return countOf(answer, heading) >= number(given, "num_sections")
  },
  "detectable_format:json_format": isJson,
  "detectable_format:title": (answer) =>
    (answer.match(/<<[^\n]+>>/g) ?? []).some((title) => !isBlank(title.replace(/^<+|>+$/g, ""))),
  "combination:two_responses": (answer) => {
    const parts = partsBetween(answer.split("******"))
    return parts?.length === 2 && strip(parts[0]) !== strip(parts[1])
  },
  "combination:repeat_prompt": (answer, given) =>
    strip(answer)
      .toLowerCase()
      .startsWith(strip(text(given, "prompt_to_repeat")).toLowerCase()),
  "startend:end_checker": (answer, given) =>
    strip(strip(answer), '"')
      .toLowerCase()
      .endsWith(strip(text(given, "end_phrase")).toLowerCase()),
  "startend:quotation": (answer) => /^"[\s\S]*"$/.test(strip(answer)),
  "change_case:english_capital": (answer) => /\p{Uppercase}/u.test(answer) && !/[\p{Lowercase}\p{Lt}]/u.test(answer),
  "change_case:english_lowercase": (answer) => /\p{Lowercase}/u.test(answer) && !/[\p{Uppercase}\p{Lt}]/u.test(answer),
  "punctuation:no_comma": (answer) => !answer.includes(","),
}

/** Instructions that need a splitter of sentences or words, or a guesser of languages, and are not checked. */
export const UNCHECKED = [
  "language:response_language",
  "length_constraints:number_sentences",
  "change_case:capital_word_frequency",
]
