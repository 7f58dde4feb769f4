/** Documents that failed: which are asked again, and when. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, expect, it } from "vitest"
import { documentsOf, plainTask } from "../../../test/support/documents.js"
import type { Failed, Reply } from "../answerer/answerer.js"
import type { Subject } from "../answerer/subject.js"
import { notesOf } from "../results/printed.js"
import { scoreTask } from "../results/score-task.js"
import { type Evaluated, evaluate, openRun } from "./evaluate.js"
import { readRun } from "./run-record.js"

const root = mkdtempSync(join(tmpdir(), "failures-"))
afterAll(() => rmSync(root, { recursive: true }))

const rows = Array.from({ length: 4 }, (_, i) => ({ question: `q${i}`, answer: "yes" }))
const task = plainTask()
const yes: Reply = { raw: "yes", tokens: 1, forwards: 1, ended: true }

async function run(
  out: string,
  answers: Record<string, Reply | Failed>,
  options: { retryFailed?: boolean } = {},
): Promise<{ asked: string[]; found: Evaluated }> {
  const asked: string[] = []
  const subject: Subject = {
    record: { name: "scripted", fingerprint: "x" },
    separator: "",
    check() {},
    open: async () => ({
      record: subject.record,
      async answer({ context }) {
        asked.push(context)
        return answers[context] ?? yes
      },
    }),
  }
  const tasks = [{ name: "plain", task, documents: documentsOf(rows) }]
  const found = await evaluate({ subject, tasks, out: join(root, out), ...options })
  return { asked: asked.sort(), found }
}

async function notes({ tasks: [{ answers }] }: Evaluated, how: { retried?: boolean } = {}): Promise<string[]> {
  return notesOf([await scoreTask(task, documentsOf(rows), answers, {})], how)
}

it("trouble that may pass is asked about again, a document's own only when it is said", async () => {
  const failing = { q1: { failed: "too long" }, q2: { failed: "status 500", transient: true } }
  const first = await run("both", failing)
  expect(first.asked).toEqual(["q0", "q1", "q2", "q3"])
  expect(await notes(first.found)).toEqual([
    "plain: 2 of 4 documents failed and count as wrong (1, 2): too long; the same command asks 1 of them again, with --retry-failed all",
  ])
  const second = await run("both", {})
  expect(second.asked).toEqual(["q2"])
  expect(await notes(second.found)).toEqual([
    expect.stringMatching(/1 of 4 .*too long; --retry-failed asks them again$/),
  ])
  expect((await run("both", {})).asked).toEqual([])
  const again = await run("both", failing, { retryFailed: true })
  expect(again.asked).toEqual(["q1"])
  expect(await notes(again.found, { retried: true })).toEqual([expect.stringMatching(/1 of 4 .*too long$/)])
  const third = await run("both", {}, { retryFailed: true })
  expect([third.asked, await notes(third.found)]).toEqual([["q1"], []])
  expect((await run("both", {}, { retryFailed: true })).asked).toEqual([])
})

it("what fails again has the new reason, and a run ends when the last of them was asked", async () => {
  const first = await run("again", { q1: { failed: "status 500", transient: true } })
  await sleep(2)
  const second = await run("again", { q1: { failed: "status 502", transient: true } })
  expect(second.found.tasks[0].answers.get(1)).toMatchObject({ failed: "status 502" })
  expect(await notes(second.found)).toEqual([expect.stringMatching(/status 502; the same command asks them again$/)])
  expect(second.found.record.started).toBe(first.found.record.started)
  expect(second.found.record.ended! > first.found.record.ended!).toBe(true)
})

it("a run that is open when its model fails asks for what is left, and has not ended before that", async () => {
  const out = join(root, "open")
  await run("open", { q3: { failed: "status 500", transient: true }, q2: { failed: "status 500", transient: true } })
  const asked: string[] = []
  const record = { name: "scripted", fingerprint: "x" }
  const answer = async ({ context }: { context: string }): Promise<Reply> => {
    asked.push(context)
    if (asked.length === 2) throw new Error("out of memory")
    return yes
  }
  const subject: Subject = { record, separator: "", check() {}, open: async () => ({ record, answer }) }
  const opened = await openRun({
    ...{ subject, out, concurrent: 1 },
    tasks: [{ name: "plain", task, documents: documentsOf(rows) }],
  })
  try {
    expect(readRun(out).ended).toBeUndefined()
    const answerer = await subject.open()
    await expect(opened.answer(answerer)).rejects.toThrow("out of memory")
    expect(opened.missing).toBe(1)
    await opened.answer(answerer)
    expect(asked).toEqual(["q2", "q3", "q3"])
    expect((await opened.end()).tasks[0].run.failures).toEqual([])
  } finally {
    opened.close()
  }
  expect(readRun(out).ended).toEqual(expect.any(String))
})
