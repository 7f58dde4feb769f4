/**
 * Scores against the functions of lmms-eval 0.3.0, which the authors use, on 2,000 answers per benchmark: against what was
 * recorded of them always (40 whole, all of them as hashes), and against the functions themselves where DIFFUSIONVL_PYTHON
 * names a Python that has them (authors.py says what it needs). Recorded anew with DIFFUSIONVL_RECORD=1.
 */

import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { sha256 } from "../../src/eval/task/sample-record.js"
import { findTasks } from "../../src/eval/tasks/index.js"
import { needs } from "../support/needs.js"
import { BENCHMARKS, type ScoringCase, scoringCases } from "./documents.js"
import { comparable, type Outcome, outcomeOf, type TaskOutcome } from "./outcome.js"

const RECORDED = join(import.meta.dirname, "recorded.json")
const RECORDED_CASES = 40
const ASKED_CASES = 2000
/** Cases of which a hash is recorded together. */
const BLOCK = 50

const PYTHON = process.env.DIFFUSIONVL_PYTHON
const NEEDED = "from importlib.util import find_spec; import pandas, yaml; assert find_spec('lmms_eval')"
const found = PYTHON !== undefined && spawnSync(PYTHON, ["-c", NEEDED]).status === 0
const authors = needs(found, "lmms-eval 0.3.0, numpy and pandas in the Python that DIFFUSIONVL_PYTHON names")

type Cases = Record<string, ScoringCase[]>

function askAuthors(cases: Cases): Record<string, TaskOutcome> {
  const { stdout, stderr, status } = spawnSync(PYTHON!, [join(import.meta.dirname, "authors.py")], {
    input: JSON.stringify(cases),
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  })
  if (status !== 0) throw new Error(stderr.slice(-3000))
  return JSON.parse(stdout)
}

function expectSame(name: string, cases: readonly ScoringCase[], expected: TaskOutcome): void {
  const ours = outcomeOf(findTasks([name])[0], cases)
  const wrong = cases.flatMap((one, i): unknown[] => {
    const [actual, wanted] = [ours.cases[i], comparable(expected.cases[i])]
    return JSON.stringify(sorted(actual)) === JSON.stringify(sorted(wanted)) ? [] : [{ ...one, actual, wanted }]
  })
  expect(wrong.slice(0, 3), `${wrong.length} of ${cases.length} differ`).toEqual([])
  expect(Object.keys(ours.metrics).sort()).toEqual(Object.keys(expected.metrics).sort())
  for (const [metric, value] of Object.entries(expected.metrics)) {
    if (typeof value === "number") expect(ours.metrics[metric], metric).toBeCloseTo(value, 9)
    else expect(ours.metrics[metric], metric).toBe(value)
  }
}

/** Of the outcomes block by block, and of the scores. */
function hashesOf({ cases, metrics }: TaskOutcome): string[] {
  const blocks = Array.from({ length: Math.ceil(cases.length / BLOCK) }, (_, i) =>
    cases.slice(i * BLOCK, (i + 1) * BLOCK),
  )
  const rounded = Object.entries(metrics).map(([name, value]) => [
    name,
    typeof value === "number" ? value.toPrecision(9) : value,
  ])
  return [...blocks.map(comparable), rounded.sort()].map((part) => sha256(JSON.stringify(sorted(part))).slice(0, 12))
}

/** Keys in one order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  )
}

const casesOf = (count: number): Cases =>
  Object.fromEntries(BENCHMARKS.map((name) => [name, scoringCases(name, count)]))

if (process.env.DIFFUSIONVL_RECORD === "1" && found) {
  const cases = casesOf(RECORDED_CASES)
  const outcomes = askAuthors(cases)
  const all = askAuthors(casesOf(ASKED_CASES))
  const lines = Object.entries(outcomes).map(([name, { cases: expected, metrics }]) => {
    const listed = expected.map((one: Outcome, i) => `    ${JSON.stringify({ ...cases[name][i], expected: one })}`)
    const hashes = JSON.stringify(hashesOf(all[name]))
    return `  ${JSON.stringify(name)}: {"hashes": ${hashes},\n  "metrics": ${JSON.stringify(metrics)}, "cases": [\n${listed.join(",\n")}\n  ]}`
  })
  writeFileSync(RECORDED, `{\n${lines.join(",\n")}\n}\n`)
}

describe("recorded scores of the authors' functions", () => {
  interface Recorded {
    hashes: string[]
    metrics: TaskOutcome["metrics"]
    cases: (ScoringCase & { expected: Outcome })[]
  }
  const recorded: Record<string, Recorded> = JSON.parse(readFileSync(RECORDED, "utf8"))

  it.each(BENCHMARKS)("%s", (name) => {
    const { metrics, cases } = recorded[name]
    expect(cases.length).toBe(RECORDED_CASES)
    expectSame(name, cases, { metrics, cases: cases.map(({ expected }) => expected) })
  })

  it.each(BENCHMARKS)("%s, all", (name) => {
    const ours = hashesOf(outcomeOf(findTasks([name])[0], scoringCases(name, ASKED_CASES)))
    const { hashes } = recorded[name]
    expect(hashes.length).toBe(ASKED_CASES / BLOCK + 1)
    const wrong = hashes.flatMap((hash, i) =>
      hash === ours[i] ? [] : [i < ASKED_CASES / BLOCK ? `cases from ${i * BLOCK} on` : "scores"],
    )
    expect(wrong, "which ones, a Python with lmms-eval tells").toEqual([])
  })
})

authors.describe("the authors' functions themselves", () => {
  const cases = casesOf(ASKED_CASES)
  let outcomes: Record<string, TaskOutcome> | undefined

  it.each(BENCHMARKS)("%s", { timeout: 600_000 }, (name) => {
    outcomes ??= askAuthors(cases)
    expectSame(name, cases[name], outcomes[name])
  })
})
