/** easy-vqa: pictures of one coloured shape each, and simple questions about them. */

import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { UserError } from "../../src/errors.js"

export interface VqaQuestion {
  question: string
  answer: string
}

export interface VqaPicture {
  /** Relative to the package. */
  image: string
  questions: VqaQuestion[]
}

export interface VqaSplit {
  file: string
  sha256: string
  pictures: VqaPicture[]
}

/** Splits of its authors: no picture is in both. */
export type VqaSplitName = "train" | "test"

export type AnswerKind = "yes or no" | "shape" | "colour"
export const ANSWER_KINDS: readonly AnswerKind[] = ["yes or no", "shape", "colour"]

const SHAPES = new Set(["circle", "rectangle", "triangle"])

export const kindOf = (answer: string): AnswerKind =>
  answer === "yes" || answer === "no" ? "yes or no" : SHAPES.has(answer) ? "shape" : "colour"

/**
 * @param folder of the unpacked package
 * @throws UserError when it is not there, or not what it is taken for
 */
export function readEasyVqa(folder: string, split: VqaSplitName): VqaSplit {
  const data = `easy_vqa/data/${split}`
  const file = `${data}/questions.json`
  const where = join(folder, file)
  const fix = "give the folder of the unpacked package easy-vqa, or leave --vqa out"
  if (!existsSync(where)) throw new UserError("the questions of easy-vqa are not there", { where, fix })
  const bytes = readFileSync(where)
  const pictures = new Map<number, VqaPicture>()
  for (const record of questionsIn(bytes, where)) {
    const [question, answer, picture] = record
    const known = pictures.get(picture) ?? { image: `${data}/images/${picture}.png`, questions: [] }
    known.questions.push({ question, answer })
    pictures.set(picture, known)
  }
  return { file, sha256: createHash("sha256").update(bytes).digest("hex"), pictures: [...pictures.values()] }
}

function questionsIn(bytes: Buffer, where: string): [string, string, number][] {
  const fix = "download the package again"
  let list: unknown
  try {
    list = JSON.parse(bytes.toString("utf8"))
  } catch (cause) {
    throw new UserError("it is no JSON", { where, fix, cause })
  }
  const isQuestion = (item: unknown): item is [string, string, number] =>
    Array.isArray(item) &&
    typeof item[0] === "string" &&
    typeof item[1] === "string" &&
    Number.isInteger(item[2]) &&
    item[2] >= 0
  if (!Array.isArray(list) || !list.every(isQuestion))
    throw new UserError("it is no list of questions with answers and pictures", { where, fix })
  return list
}

/** "blue circle", as far as the answers tell: what its questions ask about it, and what they answer. */
export function describe({ questions }: VqaPicture): string | undefined {
  let shape: string | undefined
  let colour: string | undefined
  for (const { question, answer } of questions) {
    if (kindOf(answer) === "yes or no") continue
    if (kindOf(answer) === "shape") shape = answer
    else colour = answer
    // "what is the blue shape?", "what color is the circle?"
    const named = /the (\w+)(?: shape)?\?$/.exec(question)?.[1] ?? ""
    if (SHAPES.has(named)) shape = named
    else if (/^what is the \w+ shape\?$/.test(question)) colour = named
  }
  return shape === undefined || colour === undefined ? undefined : `${colour} ${shape}`
}

/** Share of questions that somebody answers right who sees no picture: always "yes", or to each question what was its answer most often. */
export function blindAccuracy(
  train: readonly VqaPicture[],
  asked: readonly VqaQuestion[],
): { alwaysYes: number; byQuestion: number } {
  const counts = new Map<string, Map<string, number>>()
  for (const { question, answer } of train.flatMap(({ questions }) => questions)) {
    const answers = counts.get(question) ?? new Map<string, number>()
    counts.set(question, answers.set(answer, (answers.get(answer) ?? 0) + 1))
  }
  const usual = new Map([...counts].map(([question, answers]) => [question, mostOf(answers)]))
  const share = (answerOf: (question: string) => string | undefined): number =>
    asked.filter(({ question, answer }) => answerOf(question) === answer).length / Math.max(1, asked.length)
  return { alwaysYes: share(() => "yes"), byQuestion: share((question) => usual.get(question)) }
}

const mostOf = (counts: ReadonlyMap<string, number>): string => [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0]
