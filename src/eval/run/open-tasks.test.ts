/** Tasks by name and by file, with their data and their examples; what is not there is said. */

import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { closeTasks, type OpenTask, openTasks, tryTask } from "./open-tasks.js"

const root = mkdtempSync(join(tmpdir(), "open-tasks-"))
const path = (name: string): string => join(root, name)
const lines = (name: string, rows: readonly object[]): void =>
  writeFileSync(path(name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""))
const opened: OpenTask[] = []
async function open(...args: Parameters<typeof openTasks>): Promise<OpenTask[]> {
  const tasks = await openTasks(...args)
  opened.push(...tasks)
  return tasks
}
beforeAll(() => {
  const sum = (n: number): object => ({ question: `${n} + 1?`, answer: `It is more.\n#### ${n + 1}` })
  lines("test.jsonl", [sum(1), sum(2)])
  lines("train.jsonl", [7, 8, 9, 3, 4, 5].map(sum))
  writeFileSync(
    path("mine.yaml"),
    ["task: mine", "data: test.jsonl", 'prompt: "Q: {{ question }}"', 'target: "{{ answer }}"'].join("\n"),
  )
})
afterAll(() => {
  closeTasks(opened)
  rmSync(root, { recursive: true })
})

it("a task file stands where a name does, and says where its documents are", async () => {
  const [mine] = await open([path("mine.yaml")])
  expect(mine).toMatchObject({ name: path("mine.yaml"), documents: { count: 2 } })
  expect((await tryTask(mine)).context).toBe("Q: 1 + 1?")
  const [other] = await open([path("mine.yaml")], { data: new Map([["mine", path("train.jsonl")]]) })
  expect(other).toMatchObject({ data: path("train.jsonl"), documents: { count: 6 } })
})

it("tasks with examples show them before each question, as many as are asked for", async () => {
  const data = new Map([
    ["gsm8k", path("test.jsonl")],
    ["gsm8k:examples", path("train.jsonl")],
  ])
  const contexts: string[] = []
  for (const shots of [undefined, 2, 0]) {
    const [task] = await open(["gsm8k"], { data, shots })
    expect(task.examples).toBe(path("train.jsonl"))
    expect(task.task.shots).toBe(shots === 0 ? undefined : (shots ?? 5))
    contexts.push((await tryTask(task)).context)
  }
  expect(contexts.map((context) => context.match(/Question: \d/g))).toEqual([
    ["Question: 7", "Question: 8", "Question: 9", "Question: 3", "Question: 4", "Question: 1"],
    ["Question: 7", "Question: 8", "Question: 1"],
    ["Question: 1"],
  ])
  await expect(open(["gsm8k"], { data, shots: 7 })).rejects.toMatchObject({
    message: "there are 6 examples, not 7",
    fix: "--shots 6 shows those",
  })
})

it("examples that cannot be had are called so, with what to do about it", async () => {
  const settings = { cache: path("cache"), endpoint: "http://127.0.0.1:9", offline: true } as never
  const fix = expect.stringMatching(/--data gsm8k:examples=FILE .*--shots 0 /)
  const message = (why: string) =>
    expect.stringContaining(`the examples that stand before the questions of gsm8k cannot be had: ${why}`)
  const data = new Map([["gsm8k", path("test.jsonl")]])
  await expect(open(["gsm8k"], { data, download: { settings } })).rejects.toMatchObject({
    message: message("the dataset is not in the cache"),
    fix,
  })
  const nowhere = new Map([...data, ["gsm8k:examples", path("nowhere")]])
  await expect(open(["gsm8k"], { data: nowhere })).rejects.toMatchObject({
    message: message("the data is not there"),
    fix,
  })
})

it("two tasks of one name are refused: results and files are called by it", async () => {
  copyFileSync(path("mine.yaml"), path("again.yaml"))
  await expect(open([path("mine.yaml"), path("again.yaml")])).rejects.toThrow(/mine\.yaml and .*again\.yaml are both/)
  expect(await open([path("mine.yaml"), path("mine.yaml")])).toHaveLength(1)
})

it("what is not there is said", async () => {
  await expect(open(["gsm8"])).rejects.toMatchObject({ fix: "did you mean gsm8k?" })
  await expect(open(["ai2d"], { data: new Map([["gsm8k", path("test.jsonl")]]) })).rejects.toThrow(/none of the tasks/)
  await expect(open(["ai2d"], { data: new Map([["ai2d", path("test.jsonl")]]) })).rejects.toThrow(
    /lacks options, image/,
  )
  writeFileSync(path("typo.yaml"), `task: typo\ndata: test.jsonl\nprompt: "{{questoin}}"\ntarget: "{{answer}}"\n`)
  await expect(open([path("typo.yaml")])).rejects.toMatchObject({ fix: "did you mean question?" })
  await expect(open(["ai2d"], { data: new Map([["ai2d", path("nowhere")]]) })).rejects.toThrow(/not there/)
})
