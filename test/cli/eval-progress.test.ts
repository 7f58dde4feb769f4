/** What is shown while a model is asked: on a small terminal and where there is none. */

import { expect, it } from "vitest"
import { EvaluationProgress } from "../../src/cli/eval/progress.js"
import type { RunningTask } from "../../src/eval/run/evaluate.js"
import type { KeptAnswer } from "../../src/eval/run/kept-answer.js"
import type { OpenTask } from "../../src/eval/run/open-tasks.js"
import { PlainStream, Terminal } from "./terminal.js"

const runOf = (name: string, total: number): RunningTask =>
  ({ task: { name }, total, missing: { length: total }, score: { value: 0.121 }, failures: [] }) as never
const open = (name: string): OpenTask => ({ task: { name } }) as never
const answer = (seconds: number): KeptAnswer => ({ tokens: 4, forwards: 4, seconds }) as never

it("the time left fits on a small terminal, and is told once it rests on some seconds of asking", () => {
  let time = 0
  const terminal = new Terminal(80)
  const progress = new EvaluationProgress({ stream: terminal, now: () => time })
  const run = runOf("big", 3000)
  progress.begun(3000, 3000)
  const ask = (seconds: number): void => {
    time += 1000 * seconds
    progress.answered(run, answer(seconds))
  }
  ask(0.3)
  expect(terminal.screen).toMatch(/^big · 0 % · 1 of 3000 · score 12\.1 % · 13 tokens\/s/)
  for (let i = 0; i < 239; i++) ask(0.01)
  expect(terminal.screen).toMatch(/^big · 7 % · 2\d\d of 3000 · score/)
  ask(0.7)
  expect(terminal.screen).toMatch(/^big · 8 % · 241 of 3000 · 39 s left in all · score 12\.1 % · .*…$/)
})

it("elsewhere a line says when it begins, one how long it takes, and one each minute; none a short look", () => {
  let time = 0
  const stream = new PlainStream()
  const progress = new EvaluationProgress({ stream, now: () => time })
  for (const model of ["a", "b"]) {
    progress.asks(model)
    for (const task of [open("one"), open("two")]) for (let i = 1; i <= 3; i++) progress.surveyed(task, i, 3)
    progress.begun(200, 200)
    for (const name of ["one", "two"]) {
      const run = runOf(name, 100)
      for (let i = 0; i < 100; i++) {
        time += 1000
        progress.answered(run, answer(1))
      }
    }
  }
  progress.end()
  const lines = stream.text.trimEnd().split("\n")
  expect(lines.slice(0, 4).map((line) => line.replace(/ · score.*/, ""))).toEqual([
    "a · one · 1 % · 1 of 100",
    "a · one · 4 % · 4 of 100 · 3 min 16 s left in all",
    "a · one · 64 % · 64 of 100 · 2 min 16 s left in all",
    "a · one · 1 min 40 s",
  ])
  const ends = lines.flatMap((line) => /^(. · ...) · 1 min (?:39|40) s$/.exec(line)?.[1] ?? [])
  expect(ends).toEqual(["a · one", "a · two", "b · one", "b · two"])
  expect(stream.text).not.toContain("looking")
})

it("what ends at once has no time left to tell", () => {
  const stream = new PlainStream()
  const progress = new EvaluationProgress({ stream, now: () => 0 })
  const run = runOf("small", 2)
  progress.begun(2, 2)
  for (let i = 0; i < 2; i++) progress.answered(run, answer(0.1))
  progress.end()
  expect(stream.text).toMatch(/^small · 50 % · 1 of 2 · score.*\nsmall · 0\.0 s\n$/)
})

it("a long look at documents is told, and its line goes", () => {
  let time = 0
  const terminal = new Terminal(80)
  const progress = new EvaluationProgress({ stream: terminal, now: () => time })
  for (const task of [open("one"), open("two")])
    for (let i = 0; i <= 30; i++) {
      progress.surveyed(task, i, 100)
      time += 100
    }
  expect(terminal.screen).toMatch(/^two · looking at the documents · 30 %/)
  progress.begun(100, 100)
  expect(terminal.screen).toBe("")
})
