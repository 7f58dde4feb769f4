/** Invented documents and answers for every benchmark: what models write, and what no model should. */

import { type Random, randomFrom } from "../../src/data/prng.js"
import type { Doc } from "../../src/eval/task/task.js"
import { answerTo } from "./answers.js"

/** One question with what was answered. */
export interface ScoringCase {
  doc: Doc
  answer: string
}

/** Of one benchmark, in the order in which they are scored. */
export function scoringCases(task: string, count: number): ScoringCase[] {
  const seed = BENCHMARKS.indexOf(task)
  const random = randomFrom(2512, 15713, seed)
  return Array.from({ length: count }, (_, i) => {
    const doc = DOCUMENTS[task](random, i)
    const known = { options: optionsIn(doc), gold: goldIn(doc) }
    // Every row of a question must be right.
    return { doc, answer: answerTo(random, { ...known, right: task === "mmbench_en_dev" ? 0.8 : 0.4 }) }
  })
}

const OPTIONS = [
  ...["cat", "a cat", "Left", "Left turn only", "Right", "yes", "no", "yes, it is", "5", "15", "3.5", "nan", "A", "B"],
  ...[
    "the red car",
    "An apple.",
    "U.S.",
    "Straße",
    "ΟΔΟΣ",
    "½ cup",
    "it's",
    'say "no"',
    "x\\y",
    "<image 2>",
    "<image>",
  ],
  ...[
    "none of the above",
    "π r²",
    "line\none",
    "tab\there",
    "naïve café",
    "猫",
    "10%",
    "$5",
    "1,234",
    "\u00a0wide\u00a0",
  ],
]
const QUESTIONS = [
  ...[
    "What is this?",
    "Which way does the car turn?",
    "How many are there?  ",
    " Is the sky blue? Please answer yes or no.",
  ],
  ...["Is it? Please answer yes or no. Please answer yes or no.", "See <image 2> and <image 1>, then <image 2>."],
  ...[
    "In the U.S. is it A. or B.?",
    "Compare <image> with <image>.",
    "Σ of <image 10> and <image 2>",
    "Frage: größer?",
  ],
]

export const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)]

/** So many different options. */
const options = (random: Random, least: number, most: number): string[] => {
  const count = least + Math.floor(random() * (most - least + 1))
  return Array.from({ length: count }, () => pick(random, OPTIONS))
}

const letterOf = (random: Random, count: number): string => String.fromCharCode(65 + Math.floor(random() * count))

const SUBJECTS = ["Art", "Art_Theory", "Math", "Public_Health", "Architecture_and_Engineering", "Accounting", "Cooking"]
const GOLDS = [
  ...[
    "3",
    "3.5",
    "12%",
    "0",
    "0.0",
    "-7",
    "1,234",
    "1e3",
    "2019",
    "yes",
    "No",
    "red",
    "Blue",
    "24/7",
    "inf",
    "nan",
    "x",
  ],
  ...["0.125", "2.675", "five", "A", "['24/7', '3.429']", "50%", "%", "0.05", "100%%", "5 %"],
]

/** Python's source text of a list. */
const source = (texts: readonly string[]): string => `[${texts.map(quoted).join(", ")}]`
const quoted = (text: string, i: number): string => {
  const quote = i % 2 === 0 ? "'" : '"'
  const escaped = text.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`).replaceAll("\n", "\\n")
  return quote + escaped.replaceAll("\t", "\\t").replaceAll("\u00a0", "\\xa0").replaceAll("π", "\\u03c0") + quote
}

function mmmu(random: Random, i: number, most: number): Doc {
  const listed = options(random, 1, most)
  return {
    id: `validation_${pick(random, SUBJECTS)}_${i}`,
    question: pick(random, QUESTIONS),
    options: source(listed),
    answer: letterOf(random, listed.length),
    subject: pick(random, SUBJECTS),
  }
}

const DOCUMENTS: Readonly<Record<string, (random: Random, i: number) => Doc>> = {
  mmmu_val(random, i) {
    const doc = { ...mmmu(random, i, 6), question_type: "multiple-choice" }
    return random() < 0.5 ? doc : { ...doc, options: "[]", question_type: "open", answer: pick(random, GOLDS) }
  },
  mmmu_pro_standard: (random, i) => mmmu(random, i, 12),
  mmmu_pro_vision: (random, i) => ({ id: String(i), answer: letterOf(random, 10), subject: pick(random, SUBJECTS) }),
  mmstar: (random, i) => ({
    index: i,
    question: pick(random, QUESTIONS),
    answer: letterOf(random, 4),
    category: pick(random, ["math", "coarse perception", "instance reasoning"]),
    l2_category: pick(random, ["geometry", "recognition", "common reasoning", "localization"]),
  }),
  mme: (random, i) => ({
    // Two questions each; neighbours share category and id.
    question_id: `pictures/${i >> 1}.jpg`,
    question: pick(random, QUESTIONS),
    answer: pick(random, ["Yes", "No", "no.", " YES "]),
    category: ["existence", "count", "OCR", "code_reasoning", "text_translation"][(i >> 1) % 5],
  }),
  seedbench(random, i) {
    const [choice_a, choice_b, choice_c, choice_d] = options(random, 4, 4)
    const answer = pick(random, ["A", "B", "C", "D", "a", " B "])
    const about = { question_id: String(i), data_type: pick(random, ["image", "video"]) }
    return { question: pick(random, QUESTIONS), choice_a, choice_b, choice_c, choice_d, answer, ...about }
  },
  mmbench_en_dev(random, i) {
    const [A, B, C, D] = options(random, 4, 4)
    const few = pick(random, [{}, { C: "nan", D: "nan" }, { D: "nan" }])
    const answer = pick(random, ["A", "B", "C", "D"])
    const category = pick(random, ["object_localization", "attribute_recognition", "ocr"])
    const about = {
      source: "invented",
      split: "dev",
      category,
      "L2-category": pick(random, ["coarse", "fine", "logic"]),
    }
    const hint = pick(random, ["nan", "Look closely.", "", "Two\nlines"])
    // Of every four rows, one question with its options in several orders.
    const index = (i % 4) * 1_000_000 + (i >> 2)
    return { index, question: pick(random, QUESTIONS), hint, answer, A, B, C, D, ...few, ...about }
  },
  realworldqa(random) {
    const listed = options(random, 0, 4).map((text, i) => `${String.fromCharCode(65 + i)}. ${text}`)
    const question = [pick(random, QUESTIONS), "", ...listed, "Please answer directly."].join("\n")
    return { question, answer: pick(random, [...GOLDS, "A", "B", "C", "A.", "b"]) }
  },
  ai2d(random) {
    const listed = options(random, 2, 5)
    return { question: pick(random, QUESTIONS), options: listed, answer: String(Math.floor(random() * listed.length)) }
  },
  chartqa: (random) => ({
    type: pick(random, ["human_test", "augmented_test", "other"]),
    question: pick(random, QUESTIONS),
    answer: pick(random, GOLDS),
  }),
  muirbench(random, i) {
    const listed = options(random, 2, 5)
    const about = { image_relation: pick(random, ["Temporal", "Ordered"]), image_type: "Drawing" }
    const task = pick(random, ["Counting", "Ordering", "Visual Retrieval"])
    return {
      idx: String(i),
      task,
      ...about,
      question: pick(random, QUESTIONS),
      options: listed,
      answer: letterOf(random, listed.length),
    }
  },
  detailcaps: (random, i) => ({
    image: `sa_${i}.jpg`,
    source: "invented",
    GT_Caption_GPT4O: `${pick(random, OPTIONS)} and ${pick(random, OPTIONS)}`,
    GT_Caption_GPT4V: pick(random, QUESTIONS),
    GT_Caption_Gemini15Pro: pick(random, OPTIONS),
  }),
}

/** What an answer may quote. */
function optionsIn(doc: Doc): string[] {
  if (Array.isArray(doc.options)) return doc.options.map(String)
  const listed = ["A", "B", "C", "D", "choice_a", "choice_b", "choice_c", "choice_d"].flatMap(
    (column) => doc[column] ?? [],
  )
  return listed.length > 0 ? listed.map(String) : OPTIONS
}

/** What a right answer says. */
function goldIn({ options, answer }: Doc): string {
  const index = Array.isArray(options) && typeof answer === "string" && /^\d$/.test(answer) ? Number(answer) : undefined
  return index === undefined ? String(answer ?? "") : String.fromCharCode(65 + index)
}

/** Those that the authors' functions score. */
export const BENCHMARKS = Object.keys(DOCUMENTS)
