/** Questions about pictures: read, described, and what can be had without seeing. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { conversationsOf, questionsOf } from "./conversations.js"
import { blindAccuracy, describe, kindOf, readEasyVqa } from "./easy-vqa.js"

const root = mkdtempSync(join(tmpdir(), "easy-vqa-"))
afterAll(() => rmSync(root, { recursive: true }))

function write(name: string, content: string): string {
  const folder = join(root, name)
  mkdirSync(join(folder, "easy_vqa/data/train"), { recursive: true })
  writeFileSync(join(folder, "easy_vqa/data/train/questions.json"), content)
  return folder
}

const picture = (...questions: [question: string, answer: string][]) => ({
  image: "a.png",
  questions: questions.map(([question, answer]) => ({ question, answer })),
})

it("reads the questions of each picture", () => {
  const list = [
    ["what shape is present?", "circle", 3],
    ["is there a red shape?", "no", 7],
    ["what color is the shape?", "teal", 3],
  ]
  const { pictures } = readEasyVqa(write("good", JSON.stringify(list)), "train")
  expect(pictures.map(({ image, questions }) => [image, questions.length])).toEqual([
    ["easy_vqa/data/train/images/3.png", 2],
    ["easy_vqa/data/train/images/7.png", 1],
  ])
  expect(["circle", "no", "teal"].map(kindOf)).toEqual(["shape", "yes or no", "colour"])
})

it("says what is wrong with them", () => {
  expect(() => readEasyVqa(join(root, "nowhere"), "train")).toThrow(/are not there/)
  expect(() => readEasyVqa(write("torn", '[["what'), "train")).toThrow(/no JSON/)
  expect(() => readEasyVqa(write("other", '[["what?", "red"]]'), "train")).toThrow(/no list of questions/)
})

it.each([
  ["blue circle", [["what color is the circle?", "blue"]]],
  ["blue circle", [["what is the color of the circle?", "blue"]]],
  ["blue circle", [["what is the blue shape?", "circle"]]],
  [
    "teal triangle",
    [
      ["what shape is in the image?", "triangle"],
      ["what is the color of the shape?", "teal"],
    ],
  ],
  [
    undefined,
    [
      ["what shape is in the image?", "triangle"],
      ["is there a red shape?", "yes"],
    ],
  ],
  [undefined, [["what color is the shape?", "red"]]],
] as [string | undefined, [string, string][]][])("tells %s from answers", (expected, questions) => {
  expect(describe(picture(...questions))).toBe(expected)
})

it("knows what can be had without seeing", () => {
  const train = [picture(["a?", "yes"], ["b?", "no"]), picture(["a?", "yes"], ["b?", "red"], ["b?", "red"])]
  const asked = [
    { question: "a?", answer: "yes" },
    { question: "b?", answer: "no" },
    { question: "b?", answer: "red" },
    { question: "c?", answer: "yes" },
  ]
  expect(blindAccuracy(train, asked)).toEqual({ alwaysYes: 0.5, byQuestion: 0.5 })
})

it("makes questions about a picture turns of a conversation, in an order that the seed decides", () => {
  const questions = Array.from({ length: 9 }, (_, i): [string, string] => [`q${i}?`, `a${i}`])
  const make = (seed: number) =>
    conversationsOf([picture(...questions)], { system: "s", folder: "x", seed, turns: 9 })[0]
  const { image, conversations } = make(1)
  expect(image).toBe("x/a.png")
  expect(conversations).toHaveLength(19)
  expect(conversations.filter(({ value }) => value.includes("<image>"))).toEqual([conversations[1]])
  const asked = conversations.flatMap(({ from, value }) => (from === "human" ? value.replace("<image>\n", "") : []))
  expect([...asked].sort()).toEqual(questions.map(([question]) => question))
  for (let i = 1; i < conversations.length; i += 2)
    expect(conversations[i + 1].value.slice(1)).toBe(/q(\d)/.exec(conversations[i].value)![1])
  expect(make(1)).toEqual(make(1))
  expect(make(2)).not.toEqual(make(1))
  const single = questionsOf([picture(...questions)], { count: 4, system: "s", folder: "x", seed: 1 })
  expect(single).toHaveLength(4)
  for (const { conversations } of single) expect(conversations[1].value).toMatch(/^<image>\nq\d\?$/)
})

it("shares a picture's questions out evenly when there are too many for a conversation", () => {
  const questions = Array.from({ length: 9 }, (_, i): [string, string] => [`q${i}?`, `a${i}`])
  const parts = conversationsOf([picture(...questions)], { system: "s", folder: "x", seed: 1, turns: 4 })
  expect(parts.map(({ conversations }) => (conversations.length - 1) / 2)).toEqual([3, 3, 3])
  for (const { conversations } of parts) {
    expect(conversations[0]).toEqual({ from: "system", value: "s" })
    expect(conversations.map(({ value }) => value.includes("<image>"))).toEqual([false, true, ...Array(5).fill(false)])
  }
  const answers = parts.flatMap(({ conversations }) => conversations.filter(({ from }) => from === "gpt"))
  expect(answers.map(({ value }) => value).sort()).toEqual(questions.map(([, answer]) => answer))
})
