/** Conversations in LLaVA's format as a task: every answer is asked for, behind what was said before it, as training has it. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { parseSample } from "../../data/llava.js"
import { UserError } from "../../errors.js"
import { messageOf } from "../answerer/message.js"
import { closeTasks, openTasks } from "../run/open-tasks.js"
import { askedHash } from "../run/survey.js"
import { newFileTask, readTaskFile, type TaskFileInput, writeTaskFile } from "./task-file.js"

const folder = mkdtempSync(join(tmpdir(), "conversations-"))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
function fileOf(...records: object[]): string {
  const file = join(folder, `${files++}.json`)
  writeFileSync(file, JSON.stringify(records))
  return file
}
const turns = (...texts: string[]): { from: string; value: string }[] =>
  texts.map((value, i) => ({ from: i % 2 === 0 ? "human" : "gpt", value }))

const content = (data: string, more: Partial<TaskFileInput> = {}): TaskFileInput => ({
  ...{ task: "mine", data, format: "llava", prompt: "{{question}}", target: "{{answer}}" },
  ...more,
})

async function opened(data: string, more: Partial<TaskFileInput> = {}) {
  const [open] = await openTasks([newFileTask(content(data, more), join(folder, "task.yaml"))])
  const docs = await Promise.all(Array.from({ length: open.documents.count }, (_, i) => open.documents.read(i)))
  return { ...open, docs }
}

describe("conversations", () => {
  it("are a question for each answer, with the prompts of training", async () => {
    for (const name of ["cat.png", "dog.png"]) writeFileSync(join(folder, name), name)
    const records = [
      { image: "cat.png", conversations: turns("What is this?\n<image>", "a cat", "And its colour?", " black ") },
      { conversations: [{ from: "system", value: "Be short." }, ...turns("Say hello.", "hello")] },
      { image: ["cat.png", "dog.png"], conversations: turns("<image> one", "1", "<image> two", "2") },
      { image: "cat.png", conversations: turns("<image>\nWhat?", "a cat") },
    ]
    const file = fileOf(...records)
    const { task, docs, documents } = await opened(file)
    expect(docs.map((doc) => task.target(doc))).toEqual(["a cat", "black", "hello", "1", "2", "a cat"])
    expect(docs.map((doc) => task.ask(doc).context)).toEqual([
      ...["What is this?", "And its colour?", "Say hello.", "one", "two", "What?"],
    ])
    const shown = docs.map((doc) => messageOf(task.ask(doc)))
    const trained = [
      [0, 1],
      [0, 3],
      [1, 2],
      [2, 1],
      [2, 3],
      [3, 1],
    ].map(([row, answer]) => {
      const { messages, images } = parseSample(records[row], "", folder)
      const before = messages.slice(0, answer)
      const places = before.flatMap(({ content }) => (typeof content === "string" ? [] : content))
      return { messages: before, images: images.slice(0, places.filter(({ type }) => type === "image").length) }
    })
    expect(shown.map(({ messages }) => plainTexts(messages))).toEqual(
      trained.map(({ messages }) => plainTexts(messages)),
    )
    expect(shown.map(({ pictures }) => pictures.map(({ bytes }) => Buffer.from(bytes).toString()))).toEqual(
      trained.map(({ images }) => images.map((path) => path.slice(folder.length + 1))),
    )
    // What was said before is part of what is asked.
    expect(new Set(docs.map((doc) => askedHash(task.ask(doc)))).size).toBe(6)
    expect([documents.where(1), documents.where(2)]).toEqual([`${file}, row 0`, `${file}, row 1`])
    documents.close()
  })

  it("are read in parts, in order, with fewer columns", async () => {
    const file = fileOf(
      { conversations: turns("a", "1", "b", "2", "c", "3") },
      { conversations: turns("d", "4") },
      { conversations: turns("e", "5", "f", "6"), kind: "k" },
    )
    const { task, documents } = await opened(file)
    const read = async (range: object) => {
      const found: [number, unknown][] = []
      for await (const { index, doc } of documents.rows(range)) found.push([index, task.target(doc)])
      return found
    }
    const all = ["1", "2", "3", "4", "5", "6"].map((answer, i) => [i, answer])
    expect(await read({})).toEqual(all)
    for (const [from, to] of [
      [1, 5],
      [2, 2],
      [3, 4],
      [0, 6],
    ])
      expect(await read({ from, to, columns: ["conversations"] })).toEqual(all.slice(from, to))
    closeTasks([{ name: "mine", task, documents }])
  })

  it("are asked with the system message once, where the prompt has it", async () => {
    const file = fileOf({ conversations: [{ from: "system", value: "Be short." }, ...turns("Say hello.", "hello")] })
    const { task, docs } = await opened(file, { prompt: "{{system}} {{question}} Now!" })
    expect(messageOf(task.ask(docs[0])).messages).toEqual([
      { role: "user", content: [{ type: "text", text: "Be short. Say hello. Now!" }] },
    ])
  })

  it("show pictures that they have no places for in front, and ask the same without the pictures at hand", async () => {
    writeFileSync(join(folder, "cat.png"), "cat.png")
    const system = { from: "system", value: "Be short." }
    const { task, docs, documents } = await opened(
      fileOf({ image: "cat.png", conversations: [system, ...turns("What?", "a cat")] }),
    )
    const asked = task.ask(docs[0])
    expect(messageOf(asked)).toMatchObject({
      messages: [
        { role: "system", content: [{ type: "text", text: "Be short." }] },
        { role: "user", content: [{ type: "image" }, { type: "text", text: "\nWhat?" }] },
      ],
      pictures: [{ name: "cat.png" }],
    })
    const without = await documents.read(0, { columns: ["conversations"] })
    expect(askedHash(task.ask(without), "p")).toBe(askedHash(asked, "p"))
  })

  it.each([
    [{ conversations: turns("a", "b", "c", "") }, /an expected answer is empty/],
    [{ conversations: [...turns("a", "b"), { from: "gpt", value: "c" }] }, /an answer stands behind no question/],
  ])("that cannot be asked are named: %j", async (record, message) => {
    const file = fileOf({ conversations: turns("a", "b") }, record)
    const error = await opened(file).catch((error) => error)
    expect(error).toBeInstanceOf(UserError)
    expect(error.message).toMatch(message)
    expect(error.where).toContain(`${file}, row 1`)
  })
})

describe("what a task file scores", () => {
  it("is written and read again as it was", async () => {
    const file = join(folder, "written.yaml")
    const data = fileOf({ conversations: turns("a", "b") })
    await writeTaskFile(file, content(data, { score: ["exact", "word-f1"], parts: { yes: "^yes$" } }))
    const task = readTaskFile(file)
    expect(task.metrics.map(({ name, title }) => [name, title])).toEqual([
      ["exact", "exact"],
      ["word-f1", "F1 of the words"],
    ])
    expect(task.count({ conversations: turns("a", "Yes") }, { text: "yes" }, {}).values.exact).toEqual({
      score: 1,
      part: "yes",
    })
    expect(task.count({ conversations: turns("a", "blue") }, { text: "yes" }, {}).values.exact).toBe(0)
    expect(() => newFileTask(content(data, { parts: { yes: "(" } }), file)).toThrow(
      "parts.yes is no regular expression",
    )
    expect(() => newFileTask(content(data, { score: ["bleu"] }), file)).toThrow('score: "bleu" is none of')
    expect(() => newFileTask(content(data, { score: ["bertscore:a", "bertscore:b"] }), file)).toThrow("stands twice")
  })

  it("may be a metric that judges all answers together, by a model of its own", async () => {
    const encoder = join(import.meta.dirname, "../../../test/fixtures/bertscore/bert")
    const data = fileOf({ conversations: turns("a", "the cat sat") })
    const { task, docs } = await opened(data, { score: ["exact", `bertscore:${encoder}`], parts: { cats: "cat" } })
    const values = ["the cat sat", "a dog"].map((text) => task.count(docs[0], { text }, {}).values)
    const metric = task.metrics[1]
    expect([metric.name, Object.keys(values[0])]).toEqual(["bertscore", ["exact", "bertscore"]])
    const tools = { encoder: () => Promise.reject(new Error("not this one")) }
    const scores = await metric.prepare!(
      values.map(({ bertscore }) => bertscore),
      tools,
    )
    expect(metric.title).toBe("BERTScore")
    expect(metric.number!(scores[0])).toBeCloseTo(1, 5)
    expect(metric.number!(scores[1])).toBeLessThan(1)
    expect(metric.parts!(scores, {})).toEqual([{ name: "cats", count: 2, score: metric.aggregate(scores, {}) }])
    const nowhere = newFileTask(content(data, { score: "bertscore:nowhere" }), "x.yaml")
    await expect(nowhere.metrics[0].require!(tools)).rejects.toThrow(UserError)
  })
})

/** Roles with texts and places of pictures, however the parts are cut. */
const plainTexts = (messages: readonly { role: string; content: string | { type: string; text?: string }[] }[]) =>
  messages.map(({ role, content }) => [
    role,
    typeof content === "string"
      ? content
      : content.map((part) => (part.type === "image" ? "<image>" : part.text)).join(""),
  ])
