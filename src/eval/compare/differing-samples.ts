/** Documents that one run got right and the other wrong, to be looked at. */

import { mixSeeds } from "../../data/prng.js"
import { UserError } from "../../errors.js"
import { type Choice, choicesOf } from "../results/choices.js"
import { creditOf } from "../results/credit.js"
import { LOG_LIKELIHOODS } from "../results/files/samples-file.js"
import type { Doc, Task } from "../task/task.js"
import { type ComparedSample, type SampleLine, sampleLines } from "./read-samples.js"

export interface DifferingSample {
  index: number
  /** What was asked, and what is right. */
  input: string
  target: string
  /** Of both runs. */
  answers: [string, string]
  /** Of tasks that are scored by likelihood, where the documents are recorded. */
  choices?: readonly Choice[]
  /** Of each choice, by both runs, where they are recorded. */
  logLikelihoods?: [readonly number[] | undefined, readonly number[] | undefined]
}

const MOST = 8

/** By chance, the same each time. @param paths of both runs' samples, which are read once more */
export async function differingSamples(
  task: Task,
  [first, second]: readonly [ReadonlyMap<number, ComparedSample>, ReadonlyMap<number, ComparedSample>],
  paths: readonly [string, string],
): Promise<DifferingSample[]> {
  const chosen = [...first.keys()]
    .filter((index) => {
      const other = second.get(index)
      return other && creditOf(task, first.get(index)!.values) !== creditOf(task, other.values)
    })
    .sort((a, b) => mixSeeds(a, 29) - mixSeeds(b, 29))
    .slice(0, MOST)
    .sort((a, b) => a - b)
  if (chosen.length === 0) return []
  const [a, b] = [await linesOf(paths[0], chosen), await linesOf(paths[1], chosen)]
  return chosen.map((index) => {
    const [own, other] = [a.get(index)!, b.get(index)!]
    const choices = recordedChoices(task, own.doc ?? other.doc)
    return {
      index,
      input: String(own.input ?? ""),
      target: textOf(own.target),
      answers: [answerOf(own), answerOf(other)],
      ...(choices && { choices, logLikelihoods: [likelihoodsOf(own), likelihoodsOf(other)] }),
    }
  })
}

/** Newer versions of lmms-eval leave documents out, and of pictures nobody records them. */
function recordedChoices(task: Task, doc: Doc | undefined): Choice[] | undefined {
  try {
    return doc && choicesOf(task, doc)
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}

function likelihoodsOf(line: SampleLine): number[] | undefined {
  const recorded = line[LOG_LIKELIHOODS]
  return Array.isArray(recorded) && recorded.every((one) => typeof one === "number") ? recorded : undefined
}

async function linesOf(path: string, indices: readonly number[]): Promise<Map<number, SampleLine>> {
  const lines = new Map<number, SampleLine>()
  for await (const line of sampleLines(path)) if (indices.includes(line.doc_id)) lines.set(line.doc_id, line)
  return lines
}

const answerOf = ({ resps, filtered_resps: filtered }: SampleLine): string => textOf([resps ?? filtered].flat(2)[0])

const textOf = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))
