import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { UserError } from "../../errors.js"
import { openDocuments } from "../documents/documents.js"
import { choicesOf } from "../results/choices.js"
import { survey } from "../run/survey.js"
import type { Doc } from "../task/task.js"
import { type FileTask, isTaskFile, readTaskFile } from "./task-file.js"

const folder = mkdtempSync(join(tmpdir(), "own-task-"))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
function taskOf(...lines: string[]): FileTask {
  const file = join(folder, `${files++}.yaml`)
  writeFileSync(file, ["task: mine", ...lines].join("\n"))
  return readTaskFile(file)
}
const problemIn = (...lines: string[]): string => {
  try {
    taskOf(...lines)
  } catch (error) {
    if (error instanceof UserError) return error.format()
    throw error
  }
  throw new Error("no problem")
}
const valuesOf = (task: FileTask, doc: Doc, text: string) => task.count(doc, { text }, {})

const LETTERS = [
  'prompt: "{{ question }}\\n{{choices}}\\nAnswer with the letter."',
  "choices: options",
  'target: "{{answer}}"',
  "answer: letter",
]

describe("a task of one's own", () => {
  it("is called what it is where its file cannot be read", () => {
    expect(() => readTaskFile(join(folder, "nowhere.yaml"))).toThrow("the task file cannot be read")
    const list = join(folder, "list.yaml")
    writeFileSync(list, "- task")
    expect(() => readTaskFile(list)).toThrow("the task file is a list")
  })

  it("has answers as long as it says, by either name", () => {
    const lengthOf = (generation: string) => taskOf('prompt: "q"', "target: a", generation).generation.gen_length
    expect(lengthOf("generation: { max_new_tokens: 8 }")).toBe(8)
    expect(lengthOf("generation: { max_new_tokens: 8, gen_length: 16 }")).toBe(16)
    expect(lengthOf("generation: { steps: 4 }")).toBeUndefined()
  })

  it("opens no pictures but those that it names", async () => {
    const data = join(folder, "pictures.jsonl")
    writeFileSync(data, '{"q":"a?","image":"nowhere.png","other":{"bytes":null,"path":"nowhere.png"}}')
    const looked = async (...lines: string[]): Promise<unknown> => {
      const task = taskOf('prompt: "{{q}}"', "target: a", ...lines)
      const documents = await openDocuments(data, task.open)
      try {
        for await (const { doc } of survey(task, documents, { first: 1 })) return task.ask(doc).pictures
      } finally {
        documents.close()
      }
    }
    expect(await looked("pictures: []")).toEqual([])
    await expect(looked()).rejects.toThrow(/no such image/)
    await expect(looked("pictures: [image]")).rejects.toThrow(/no such image/)
    await expect(looked("pictures: []", "group: other")).rejects.toThrow(/no such image/)
  })

  it("fills its prompt, with choices in letters, and reads the letter of an answer", () => {
    const task = taskOf(...LETTERS, "target_is: index", "parts: kind", "group: picture")
    const doc = { question: "Which?", options: ["a cat", "a dog", 3], answer: 1, kind: "animals", picture: "p1" }
    expect(task.columns).toEqual(["question", "answer", "options", "kind", "picture"])
    expect(task.ask(doc)).toEqual({
      context: "Which?\nA. a cat\nB. a dog\nC. 3\nAnswer with the letter.",
      pictures: [],
    })
    expect(task.target(doc)).toBe("B")
    expect(task.cluster!(doc)).toBe("p1")
    for (const right of [
      "B",
      "b",
      "(B)",
      "B. a dog",
      "B) yes",
      "The answer is B.",
      "I think the answer is B",
      "a dog",
      "A dog.",
    ])
      expect([right, valuesOf(task, doc, right)]).toEqual([
        right,
        { values: { exact: { score: 1, part: "animals" } }, unread: false },
      ])
    for (const wrong of ["A", "a cat", "C: 3"])
      expect(valuesOf(task, doc, wrong).values.exact).toMatchObject({ score: 0 })
    for (const unread of ["", "a dog and a cat", "D", "neither"]) expect(valuesOf(task, doc, unread).unread).toBe(true)
    const values = [1, 0, 1].map((score, i) => ({ score, part: i < 2 ? "x" : "y" }))
    const [metric] = task.metrics
    expect(metric.aggregate(values, {})).toBeCloseTo(2 / 3)
    expect(metric.parts!(values, {})).toEqual([
      { name: "x", count: 2, score: 0.5 },
      { name: "y", count: 1, score: 1 },
    ])
  })

  it("finds the right choice by its letter, its index or its text", () => {
    const doc = (answer: unknown) => ({ question: "q", options: ["1", "0"], answer })
    for (const [is, answer] of [
      ["letter", "b"],
      ["index", 1],
      ["text", "0"],
    ] as const)
      expect(taskOf(...LETTERS, `target_is: ${is}`).target(doc(answer))).toBe("B")
    expect(() => taskOf(...LETTERS).target(doc("2"))).toThrow('the right answer "2" is none of the 2 choices')
  })

  it.each([
    ["whole", " Yes. ", ["yes"], 1],
    ["first line", "blue\nred", ["blue"], 1],
    ["number", "12 of 1,234.50 apples", ["1234.5"], 1],
    ["yes or no", "Well, No!", ["no"], 1],
    ["yes or no", "nothing", ["no"], undefined],
    ["{ regex: 'is (\\w+)' }", "it is red, it is blue", ["red"], 1],
    ["{ regex: 'is (\\w+)', which: last }", "it is red, it is blue", ["blue"], 1],
    ["{ regex: 'was' }", "it is red", ["red"], undefined],
  ])("reads answers: %s of %j", (rule, answer, references, score) => {
    const task = taskOf(
      'prompt: "{{q}}"',
      'target: "{{a}}"',
      `answer: ${rule}`,
      `score: ${rule === "number" ? "numeric" : "exact"}`,
    )
    const { values, unread } = valuesOf(task, { q: "", a: references }, answer)
    expect([Object.values(values)[0], unread]).toEqual([score ?? 0, score === undefined])
  })

  it.each([
    ["exact", "The Cat", "the cat!", 1],
    ["relaxed", "104", "100", 1],
    ["word-f1", "a b", "a c", 0.5],
    ["contains", "It is a red car.", "red car", 1],
    ["contains", "It is a reddish car.", "red", 0],
    ["numeric", "1,000", "1000.0", 1],
    ["numeric", "1000", "1001", 0],
  ])("scores: %s of %j for %j", (score, answer, reference, expected) => {
    const task = taskOf('prompt: "q"', 'target: "{{a}}"', `score: ${score}`)
    expect(valuesOf(task, { a: reference }, answer).values[score]).toBeCloseTo(expected)
  })

  it("keeps the lines of answers that are read as a whole, for `until` to end, and of no others", () => {
    const whole = (answer: string): boolean | undefined =>
      taskOf('prompt: "q"', 'target: "{{a}}"', "choices: [a, b]", `answer: ${answer}`).whole
    expect(["whole", "number", "{ regex: 'is (.*)' }"].map(whole)).toEqual([true, true, true])
    expect(["first line", "letter", "yes or no"].map(whole)).toEqual([false, false, false])
  })

  it("chooses by likelihood", () => {
    const task = taskOf(
      'prompt: "{{q}}"',
      'choices: ["{{x}}", "no"]',
      "target: no",
      "score: [likelihood, exact]",
      "plain: true",
    )
    const doc = { q: "Is it?", x: "maybe so" }
    expect(task.ask(doc)).toEqual({ context: "Is it?", pictures: [], choices: [" maybe so", " no"], plain: true })
    const likelihoods = [-4, -3].map((logLikelihood) => ({ logLikelihood, tokens: 1, bytes: 1 }))
    expect(task.count(doc, { text: "no", likelihoods }, {}).values).toEqual({ acc: 1, acc_norm: 0, exact: 1 })
    expect(choicesOf(task, doc)?.map(({ isRight }) => isRight)).toEqual([false, true])
    expect(task.metrics.map(({ name }) => name)).toEqual(["acc", "acc_norm", "exact"])
  })

  it("has data beside it, with pictures, and says which columns it needs", async () => {
    mkdirSync(join(folder, "pictures"), { recursive: true })
    writeFileSync(join(folder, "pictures", "cat.png"), "a picture")
    mkdirSync(join(folder, "data"), { recursive: true })
    const turns = [
      { from: "system", value: "Be short." },
      { from: "human", value: "<image>\nWhat is it?" },
      { from: "gpt", value: "a cat" },
    ]
    writeFileSync(join(folder, "data", "q.json"), JSON.stringify([{ image: "cat.png", conversations: turns }]))
    const task = taskOf(
      "data: data/q.json",
      "format: llava",
      "image_root: ../pictures",
      'prompt: "{{system}} {{question}}"',
      'target: "{{answer}}"',
    )
    const documents = await openDocuments(task.data!, task.open)
    const doc = await documents.read(0)
    const { context, pictures } = task.ask(doc)
    expect(context).toBe("Be short. What is it?")
    expect(pictures.map(({ bytes, name }) => [Buffer.from(bytes).toString(), name])).toEqual([["a picture", "cat.png"]])
    expect(task.target(doc)).toBe("a cat")
    expect(task.columns).toEqual([])
    documents.close()
    expect(() => task.ask({ conversations: [...turns, ...turns.slice(1)] })).toThrow("not one question with one answer")
    expect(() => taskOf('prompt: "{{x}}"', "target: a").ask({ y: 1 })).toThrow("no such column")
    const hub = taskOf("data: { dataset: org/name, split: test, config: en }", 'prompt: "{{q}}"', "target: a")
    expect(hub.source).toEqual({ dataset: "org/name", split: "test", config: "en", files: "" })
  })

  it.each([
    [['prompt: "q"'], /target/],
    [['prompt: "q"', "target: a", "scores: exact"], /line 4: scores.*score/s],
    [['prompt: "q"', "target: a", "score: exakt"], /line 4: score: .*exact/s],
    [['prompt: "q"', "target: a", "answer: letter"], /line 4: answer: needs choices/],
    [['prompt: "q"', "target: a", "score: likelihood"], /line 4: score: needs choices/],
    [
      ['prompt: "q"', "target: a", "answer: brief"],
      /line 4: answer: must be whole, first line, letter, number, yes or no, or a section with keys, not "brief"/,
    ],
    [['prompt: "q"', "target: a", "answer: { regexp: a }"], /line 4: answer: .* is not what this key takes/],
    [['prompt: "q"', "target: a", "score: 3"], /line 4: score: must be a text, or a list, not 3/],
    [['prompt: "q"', "target: a", "answer: { regex: '(' }"], /answer\.regex is no regular expression/],
    [['prompt: "q"', "target: a", "generation: { max_tokens: 3 }"], /generation\.max_tokens/],
    [['prompt: "q"', "target: a", "data: { dataset: name, split: test }"], /"?name"? is no dataset of the hub/],
  ])("says what is wrong: %j", (lines, sentence) => {
    expect(problemIn(...lines)).toMatch(sentence)
  })

  it("is there for the data of the recipes and of the demo", () => {
    const root = join(import.meta.dirname, "../../..")
    const own = [
      "recipes/smollm2-sees/tasks/easy-vqa.yaml",
      "recipes/smollm2-sees/tasks/captions.yaml",
      "examples/emoji/tasks/emoji.yaml",
    ]
    const doc = {
      image: "a.png",
      task: "name",
      conversations: [
        { from: "human", value: "<image>\nWhat is this?" },
        { from: "gpt", value: "a cat" },
      ],
    }
    for (const file of own) {
      expect(isTaskFile(file)).toBe(true)
      const task = readTaskFile(join(root, file))
      expect(task.ask(doc).context).toBe("What is this?")
      for (const { aggregate, name } of task.metrics)
        expect(aggregate([valuesOf(task, doc, "A cat.\nor so").values[name]], {})).toBe(1)
    }
  })
})
