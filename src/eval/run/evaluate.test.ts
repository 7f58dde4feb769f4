/** Running without a model: who answers is scripted. What is kept, what goes on, and what is said before anything runs. */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import sharp from "sharp"
import { afterAll, describe, expect, it } from "vitest"
import { documentsOf, plainTask } from "../../../test/support/documents.js"
import { UserError } from "../../errors.js"
import type { Failed, Reply } from "../answerer/answerer.js"
import type { Subject } from "../answerer/subject.js"
import type { Asked, Doc, Task } from "../task/task.js"
import { type Evaluated, type EvaluateOptions, evaluate } from "./evaluate.js"
import { mergeRuns } from "./merge.js"
import { answersOf, readRun } from "./run-record.js"

const root = mkdtempSync(join(tmpdir(), "evaluate-"))
afterAll(() => rmSync(root, { recursive: true }))
let folders = 0
const newFolder = (): string => join(root, String(folders++))

const rows = (count: number): Doc[] =>
  Array.from({ length: count }, (_, i) => ({ question: `what is ${i}?`, answer: String(i) }))

interface Scripted extends Subject {
  /** What was asked, in its order. */
  asked: string[]
  opened: number
}

/** Answers with the number in the question, unless told otherwise. */
function scripted(more: (asked: Asked, count: number) => Reply | Failed | undefined = () => undefined): Scripted {
  const subject: Scripted = {
    record: { name: "scripted", fingerprint: "x" },
    separator: "<|im_end|>",
    asked: [],
    opened: 0,
    check() {},
    async open() {
      subject.opened++
      return {
        record: subject.record,
        async answer(asked, { signal }) {
          await turn()
          signal?.throwIfAborted()
          subject.asked.push(asked.context)
          const raw = ` ${/\d+/.exec(asked.context)?.[0]}.\nand more`
          return more(asked, subject.asked.length) ?? { raw, tokens: 3, forwards: 2, ended: true }
        },
      }
    },
  }
  return subject
}

const run = (
  subject: Subject,
  documents: readonly Doc[],
  out: string,
  { task = plainTask(), reads, ...more }: Partial<EvaluateOptions> & { task?: Task; reads?: number[] } = {},
): Promise<Evaluated> =>
  evaluate({ subject, out, tasks: [{ name: task.name, task, documents: documentsOf(documents, reads) }], ...more })

const textsOf = ({ tasks: [{ answers }] }: Evaluated): string[] => [...answers.values()].map(({ text }) => text)
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i))

describe("an evaluation", () => {
  it("keeps what was decoded and what is scored, in a file whose name says what answers depend on", async () => {
    const out = newFolder()
    const found = await run(scripted(), rows(5), out, { concurrent: 2, command: "eval it" })
    expect(textsOf(found)).toEqual(numbers(5))
    const record = readRun(out)
    expect(record).toEqual(found.record)
    expect(record).toMatchObject({
      command: "eval it",
      compat: false,
      model: { name: "scripted" },
      ended: expect.any(String),
    })
    expect([...answersOf(out, record.tasks[0]).values()].map(({ raw, tokens }) => [raw, tokens])).toContainEqual([
      " 3.\nand more",
      3,
    ])
    expect(found.tasks[0].run.score.value).toBe(1)

    // Other decoding has a file of its own; the same goes on with what is known.
    const other = scripted()
    await run(other, rows(5), out, { decoding: { maxTokens: 9 } })
    expect([other.asked.length, readdirSync(join(out, "answers")).length]).toEqual([5, 2])
    const again = scripted()
    await run(again, rows(5), out)
    expect([again.opened, again.asked]).toEqual([0, []])
  })

  it("asks what a larger limit adds, and what has changed, and nothing else", async () => {
    const out = newFolder()
    const [first, more, changed] = [scripted(), scripted(), scripted()]
    await run(first, rows(8), out, { limit: 0.5 })
    expect(first.asked).toHaveLength(4)
    await run(more, rows(8), out, { limit: 6 })
    expect(more.asked.toSorted()).toEqual(["what is 4?", "what is 5?"])
    const other = rows(8).with(2, { question: "what is 77?", answer: "77" })
    expect(textsOf(await run(changed, other, out))).toEqual(["0", "1", "77", "3", "4", "5", "6", "7"])
    expect(changed.asked.toSorted()).toEqual(["what is 6?", "what is 77?", "what is 7?"])
  })

  it("asks again where answers would be cut in another way", async () => {
    const out = newFolder()
    const task = (until: string): Task => plainTask({ whole: true, generation: { until: [until] } })
    expect(textsOf(await run(scripted(), rows(2), out, { task: task("and") }))).toEqual(["0.", "1."])
    expect(textsOf(await run(scripted(), rows(2), out, { task: task("more") }))).toEqual(["0.\nand", "1.\nand"])
  })

  it("stopped twenty times gives the answers of one that was never stopped, each asked once", async () => {
    const [out, whole] = [newFolder(), newFolder()]
    const expected = await run(scripted(), rows(60), whole, { concurrent: 3 })
    const given: string[] = []
    let started: string | undefined
    for (let stop = 0; stop < 20; stop++) {
      const controller = new AbortController()
      let answers = 0
      const subject = scripted()
      const observer = {
        answered(_: unknown, { index }: { index: number }) {
          given.push(`what is ${index}?`)
          if (++answers === 1 + (stop % 3)) controller.abort(new Error("stopped"))
        },
      }
      const stopped = run(subject, rows(60), out, { concurrent: 3, signal: controller.signal, observer })
      await expect(stopped).rejects.toThrow("stopped")
      started ??= readRun(out).started
      expect(readRun(out).ended).toBeUndefined()
      // Killed in the middle of a line.
      const file = join(out, "answers", readdirSync(join(out, "answers"))[0])
      if (stop % 2) writeFileSync(file, `${readFileSync(file, "utf8")}{"index": 59, "raw": "59`)
    }
    const last = scripted()
    const found = await run(last, rows(60), out, { concurrent: 3 })
    expect(textsOf(found)).toEqual(textsOf(expected))
    expect([...given, ...last.asked].toSorted()).toEqual(
      rows(60)
        .map(({ question }) => question as string)
        .toSorted(),
    )
    expect(found.record.started).toBe(started)
  })

  it("reads documents when their turn comes, those about one picture together", async () => {
    const colours = ["red", "green", "blue"]
    const files = colours.map((background) => sharp({ create: { width: 4, height: 4, channels: 3, background } }).png())
    const pictures = await Promise.all(files.map(async (file) => new Uint8Array(await file.toBuffer())))
    const reads: number[] = []
    const read: number[] = []
    const observer = { answered: () => read.push(reads.length) }
    const documents = rows(6).map((row, i) => ({ ...row, picture: pictures[i % 3] }))
    await run(scripted(), documents, newFolder(), { concurrent: 2, reads, observer })
    expect(reads).toEqual([0, 3, 1, 4, 2, 5])
    expect(read[0]).toBeLessThan(5)
  })
})

describe("one bad document", () => {
  it("is kept with its sentence, and counts as wrong; the others are answered", async () => {
    const out = newFolder()
    const task = plainTask({
      ask({ question }) {
        if (question === "what is 3?") throw new UserError("it has no text", { where: "question" })
        return { context: String(question), pictures: [] }
      },
    })
    const subject = scripted(({ context }) =>
      context === "what is 1?" ? { failed: "cat.png: it is no picture" } : undefined,
    )
    const { tasks } = await run(subject, rows(5), out, { task })
    expect(tasks[0].run.failures.map(({ index, failed, text }) => [index, failed, text])).toEqual([
      [1, "cat.png: it is no picture", ""],
      [3, "question: it has no text", ""],
    ])
    expect(tasks[0].run.score.value).toBe(3 / 5)
    const again = scripted()
    await run(again, rows(5), out, { task })
    expect(again.asked).toEqual([])
  })

  it("is not what a model that cannot answer any more is", async () => {
    const out = newFolder()
    const subject = scripted((_, count) => {
      if (count === 3) throw new UserError("the server is gone")
      return undefined
    })
    await expect(run(subject, rows(9), out, { concurrent: 2 })).rejects.toThrow("the server is gone")
    const rest = scripted()
    expect(textsOf(await run(rest, rows(9), out))).toEqual(numbers(9))
    expect(rest.asked.length).toBeLessThan(9)
  })
})

describe("before a model is opened", () => {
  it("everything is looked at", async () => {
    const subject = scripted()
    const cases: [Partial<EvaluateOptions> & { task?: Task }, RegExp][] = [
      [{ kwargs: { gen_length: "long" } }, /no number/],
      [
        {
          task: plainTask({
            ask: () => {
              throw new UserError("no column", { where: "x" })
            },
          }),
        },
        /x: no column/,
      ],
      [
        {
          task: plainTask({
            count: () => {
              throw new UserError("no gold")
            },
          }),
        },
        /no gold/,
      ],
    ]
    for (const [options, what] of cases) {
      const out = newFolder()
      await expect(run(subject, rows(3), out, options)).rejects.toThrow(what)
      expect(readdirSync(root)).not.toContain(out.slice(root.length + 1))
    }
    expect(subject.opened).toBe(0)
  })

  it("the folder is locked: two runs at once are refused", async () => {
    const out = newFolder()
    mkdirSync(out)
    const slow = scripted()
    const first = run(slow, rows(30), out, { concurrent: 1 })
    while (slow.opened === 0) await turn()
    await expect(run(scripted(), rows(30), out)).rejects.toThrow(/writes to this folder/)
    await first
  })
})

describe("shards", () => {
  it("together are the whole run", async () => {
    const [whole, out] = [newFolder(), newFolder()]
    const shards = [newFolder(), newFolder(), newFolder()]
    await run(scripted(), rows(10), whole)
    const looked: number[][] = []
    const observer = { surveyed: (_: unknown, ...done: number[]) => looked.push(done) }
    for (const [i, folder] of shards.entries())
      await run(scripted(), rows(10), folder, { shard: { index: i + 1, count: 3 }, observer })
    expect(looked.slice(-3)).toEqual([1, 2, 3].map((done) => [done, 3]))
    expect(textsOf(await run(scripted(), rows(10), shards[1], { shard: { index: 2, count: 3 } }))).toEqual([
      "1",
      "4",
      "7",
    ])

    const partial = newFolder()
    await expect(mergeRuns(shards.slice(0, 2), out)).rejects.toMatchObject({ fix: expect.stringContaining("3/3") })
    expect((await mergeRuns(shards.slice(0, 2), partial, { partial: true })).tasks).toHaveLength(1)
    const record = await mergeRuns(shards.toReversed(), out)
    expect(record.shard).toBeUndefined()
    const textsIn = (folder: string): string[] =>
      [...answersOf(folder, readRun(folder).tasks[0]).values()]
        .sort((a, b) => a.index - b.index)
        .map(({ text }) => text)
    expect(textsIn(out)).toEqual(textsIn(whole))
    await expect(mergeRuns(shards, out)).rejects.toThrow(/run in the folder already/)
  })

  it("count for their own documents only, whatever their folder was asked before", async () => {
    const [one, two, out] = [newFolder(), newFolder(), newFolder()]
    const before = plainTask({ ask: ({ question }) => ({ context: `Before 9: ${question}`, pictures: [] }) })
    await run(scripted(), rows(4), two, { task: before })
    await run(scripted(), rows(4), one, { shard: { index: 1, count: 2 } })
    await run(scripted(), rows(4), two, { shard: { index: 2, count: 2 } })
    await mergeRuns([one, two], out)
    const merged = answersOf(out, readRun(out).tasks[0])
    expect([0, 1, 2, 3].map((index) => merged.get(index)?.text)).toEqual(numbers(4))
  })

  it("of other runs are refused by what differs", async () => {
    const [a, ...others] = Array.from({ length: 5 }, newFolder)
    const shard = { index: 1, count: 2 }
    await run(scripted(), rows(6), a, { shard })
    await run(scripted(), rows(6), others[0], { shard, decoding: { maxTokens: 9 } })
    await run(scripted(), rows(6), others[1], { shard, limit: 3 })
    const model = scripted()
    model.record.fingerprint = "y"
    await run(model, rows(6), others[2], { shard })
    const other = plainTask({ ask: ({ question }) => ({ context: `Please: ${question}`, pictures: [] }) })
    await run(scripted(), rows(6), others[3], { shard, task: other })
    const differences = [/decoded in another way/, /--limit differs/, /model's files differ/, /asks something else/]
    for (const [i, what] of differences.entries())
      await expect(mergeRuns([a, others[i]], newFolder(), { partial: true })).rejects.toThrow(what)
    await expect(mergeRuns([root], newFolder())).rejects.toThrow(/no folder of an evaluation/)
  })
})
