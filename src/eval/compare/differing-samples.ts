/** Documents that one run got right and the other wrong, to be looked at. */

import { mixSeeds } from "../../data/prng.js"
import { creditOf } from "../results/credit.js"
import type { Task } from "../task/task.js"
import { type ComparedSample, type SampleLine, sampleLines } from "./read-samples.js"

export interface DifferingSample {
  index: number
  /** What was asked, and what is right. */
  input: string
  target: string
  /** Of both runs. */
  answers: [string, string]
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
  return chosen.map((index) => ({
    index,
    input: String(a.get(index)!.input ?? ""),
    target: textOf(a.get(index)!.target),
    answers: [answerOf(a.get(index)!), answerOf(b.get(index)!)],
  }))
}

async function linesOf(path: string, indices: readonly number[]): Promise<Map<number, SampleLine>> {
  const lines = new Map<number, SampleLine>()
  for await (const line of sampleLines(path)) if (indices.includes(line.doc_id)) lines.set(line.doc_id, line)
  return lines
}

const answerOf = ({ resps, filtered_resps: filtered }: SampleLine): string => textOf([resps ?? filtered].flat(2)[0])

const textOf = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))
