/** MMMU's score: accuracies of subjects, weighted by their questions (docs/evaluation.md 7.1). */

import { pythonRound } from "../../task/python-number.js"
import type { PartScore } from "../../task/task.js"
import { sharesBy } from "./shares.js"

const DOMAINS: Readonly<Record<string, readonly string[]>> = {
  "Art and Design": ["Art", "Art_Theory", "Design", "Music"],
  Business: ["Accounting", "Economics", "Finance", "Manage", "Marketing"],
  Science: ["Biology", "Chemistry", "Geography", "Math", "Physics"],
  "Health and Medicine": [
    ...["Basic_Medical_Science", "Clinical_Medicine", "Diagnostics_and_Laboratory_Medicine", "Pharmacy"],
    "Public_Health",
  ],
  "Humanities and Social Science": ["History", "Literature", "Sociology", "Psychology"],
  "Tech and Engineering": [
    ...["Agriculture", "Architecture_and_Engineering", "Computer_Science", "Electronics", "Energy_and_Power"],
    ...["Materials", "Mechanical_Engineering"],
  ],
}

/** Rounded to five decimals, as all of these; null of nothing. */
export function subjectAccuracy<T>(
  values: readonly T[],
  subjectOf: (value: T) => string,
  isRight: (value: T) => boolean,
): number | null {
  return values.length === 0 ? null : pythonRound(together(sharesBy(values, subjectOf, isRight)), 5)
}

/** Each domain, followed by its subjects; subjects of no domain at the end. */
export function subjectParts<T>(
  values: readonly T[],
  subjectOf: (value: T) => string,
  isRight: (value: T) => boolean,
): PartScore[] {
  const subjects = sharesBy(values, subjectOf, isRight)
  const domains = Object.entries(DOMAINS).flatMap(([domain, names]) => {
    const own = names.flatMap((name) => subjects.find((subject) => subject.name === name) ?? [])
    const count = own.reduce((sum, subject) => sum + subject.count, 0)
    return count === 0 ? [] : [{ name: domain, count, score: together(own) }, ...own]
  })
  const others = subjects.filter(({ name }) => !Object.values(DOMAINS).flat().includes(name))
  return [...domains, ...others].map((part) => ({ ...part, score: pythonRound(part.score, 5) }))
}

/** The mean over questions, by way of the subjects' accuracies: rounding is the authors'. */
function together(subjects: readonly PartScore[]): number {
  const weighted = subjects.reduce((sum, { score, count }) => sum + score * count, 0)
  return weighted / subjects.reduce((sum, { count }) => sum + count, 0)
}
