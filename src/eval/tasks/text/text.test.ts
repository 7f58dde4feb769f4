/** The tasks against lm-evaluation-harness 0.4.13: its templates, filters, metrics and checkers, run on random documents. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { UserError } from "../../../errors.js"
import type { Doc } from "../../task/task.js"
import { UNCHECKED } from "./ifeval-rules.js"
import { textTasks } from "./index.js"
import { withExamples } from "./text-task.js"

interface Case {
  task: string
  doc: Doc
  /** Shown before it, in `shown`. */
  example?: Doc
  shown?: string
  context: string
  choices?: string[]
  likelihoods?: number[]
  answer?: string
  values: Record<string, unknown>
}

const file = process.env.DIFFUSIONVL_LM_EVAL_CASES ?? join(import.meta.dirname, "golden.json")
const cases = JSON.parse(readFileSync(file, "utf8")) as Case[]
const taskNamed = (name: string) => textTasks.find((task) => task.name === name)!
/** What results have of a value. */
const plain = (value: unknown): unknown =>
  typeof value === "boolean" ? Number(value) : Array.isArray(value) ? value.map(plain) : value

describe.each(["mmlu", "arc_easy", "hellaswag", "gsm8k", "ifeval_rules"])("%s", (name) => {
  const task = taskNamed(name)
  const own = cases.filter((one) => one.task === name)

  it("asks and counts as lm-evaluation-harness does", () => {
    expect(own.length).toBeGreaterThan(9)
    for (const { doc, context, choices, likelihoods, answer = "", values, example, shown } of own) {
      expect(task.ask(doc)).toEqual({ context, pictures: [], plain: true, ...(choices && { choices }) })
      if (example) expect(withExamples(task, [example], 1).ask(doc).context).toBe(shown)
      const given = likelihoods?.map((logLikelihood) => ({ logLikelihood, tokens: 1, bytes: 1 }))
      const counted = task.count(doc, { text: answer, likelihoods: given }, {}).values
      const numbers = name === "mmlu" ? { acc: (counted.acc as { right: number }).right } : counted
      expect([doc, answer, plain(numbers)]).toEqual([doc, answer, plain(values)])
    }
  })

  it("puts answers together, and needs what it reads", () => {
    const values = own.map(({ doc, likelihoods, answer = "" }) => {
      const given = likelihoods?.map((logLikelihood) => ({ logLikelihood, tokens: 1, bytes: 1 }))
      return task.count(doc, { text: answer, likelihoods: given }, {}).values
    })
    for (const { name, aggregate } of task.metrics) {
      const score = aggregate(
        values.map((each) => each[name]),
        {},
      )
      const flat = own.flatMap(({ values }) => plain(values[name]) as number | number[])
      expect(score).toBeCloseTo(flat.reduce((sum, one) => sum + one, 0) / flat.length, 12)
    }
    expect(() => task.ask({})).toThrow(UserError)
    if (own[0].choices) expect(() => task.count(own[0].doc, { text: "" }, {})).toThrow(/scored by the likelihoods/)
  })
})

it("MMLU shows examples of the same subject, five where that many are wanted, and has scores of subjects", () => {
  const mmlu = taskNamed("mmlu")
  const doc = (n: number, subject = "a_b"): Doc => ({ question: `q${n}`, choices: [1, 2, 3, 4], answer: 1, subject })
  const shown = withExamples(mmlu, [doc(0), doc(1, "c"), doc(2), doc(3)], 2).ask(doc(9)).context
  const one = (n: number) => `q${n}\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:`
  expect(shown).toBe(
    `The following are multiple choice questions (with answers) about a b.\n\n${one(0)} B\n\n${one(2)} B\n\n${one(9)}`,
  )
  const values = [1, 1, 0].map((right, i) => ({ subject: i < 2 ? "a" : "b", right }))
  expect(mmlu.metrics[0].parts!(values, {})).toEqual([
    { name: "a", count: 2, score: 1 },
    { name: "b", count: 1, score: 0 },
  ])
  expect(() => mmlu.ask({ ...doc(1), choices: [1] })).toThrow("the question has 1 options, not four")
})

it("IFEval leaves out what only a library could tell, prompts with it included", () => {
  const ifeval = taskNamed("ifeval_rules")
  const doc = {
    prompt: "p",
    instruction_id_list: [UNCHECKED[0], "punctuation:no_comma"],
    kwargs: [{ language: "de" }, {}],
  }
  const { values, unchecked } = ifeval.count(doc, { text: "a" }, {})
  expect(values).toEqual({ inst_level_strict_acc: [true], inst_level_loose_acc: [true] })
  expect(unchecked).toMatch(/not checked \(language:response_language, /)
  const whole = { ...doc, instruction_id_list: ["punctuation:no_comma"], kwargs: [{}] }
  const counted = ifeval.count(whole, { text: "a, b" }, {})
  expect(counted).toMatchObject({ values: { prompt_level_strict_acc: false, inst_level_strict_acc: [false] } })
  expect(counted.unchecked).toBeUndefined()
  expect(() => ifeval.count({ ...doc, instruction_id_list: ["a:b"] }, { text: "" }, {})).toThrow("no instruction a:b")
})
