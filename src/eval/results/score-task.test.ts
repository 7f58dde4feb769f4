import { describe, expect, it } from "vitest"
import { scoringCases } from "../../../test/authors-scores/documents.js"
import { answersOf, documentsOf, keptAnswer, mmstarDocs } from "../../../test/support/documents.js"
import { wilson } from "../statistics/intervals.js"
import { pythonRandom } from "../task/python-random.js"
import { filteredAnswer } from "../task/sample-record.js"
import { ai2d } from "../tasks/ai2d.js"
import { chartqa } from "../tasks/chartqa.js"
import { findTasks } from "../tasks/index.js"
import { mme } from "../tasks/mme.js"
import { mmmuVal } from "../tasks/mmmu_val.js"
import { mmstar } from "../tasks/mmstar.js"
import { ifeval } from "../tasks/text/ifeval.js"
import { notesOf } from "./printed.js"
import { type ScoredSample, scoreTask } from "./score-task.js"

const right = (count: number): string[] => Array.from({ length: count }, (_, i) => "AB"[i % 2])

it("counts, puts together, and says how sure it is", async () => {
  const texts = right(60).map((text, i) => (i % 3 === 0 ? "C" : text))
  const result = await scoreTask(mmstar, documentsOf(mmstarDocs(60)), answersOf(texts))
  const mixed = right(60).map((text, i) => (i % 4 === 0 ? "C" : text))
  const scattered = await scoreTask(mmstar, documentsOf(mmstarDocs(60)), answersOf(mixed))
  expect(scattered.metrics.at(-1)!.certainty?.method).toBe("half samples")
  const average = result.metrics.find(({ name }) => name === "average")!
  // Everything of a part is wrong, everything of the two others right.
  expect(average.value).toBeCloseTo(2 / 3)
  expect(average.standardError).toBeUndefined()
  expect(average).toMatchObject({ noInterval: "60 documents: whichever are drawn score the same" })
  expect(average.parts.map(({ score }) => score)).toEqual(expect.arrayContaining([0, 1]))
  expect(result.documents).toEqual({ original: 60, effective: 60 })
  expect(result.speed).toEqual({ tokens: 120, seconds: 30, tokensPerSecond: 4, forwardsPerToken: 0.5, ended: 1 })
})

it("has lmms-eval's standard error of means, and an interval that stays within 0 and 1", async () => {
  const docs = Array.from({ length: 10 }, (_, i) => ({
    type: "human_test",
    question: "?",
    answer: `${i}`,
    image: null,
  }))
  const result = await scoreTask(chartqa, documentsOf(docs), answersOf(docs.map(({ answer }) => answer)))
  const [overall] = result.metrics
  expect(overall).toMatchObject({ value: 1, standardError: 0, certainty: { interval: { high: 1 } } })
  expect(overall.certainty!.interval.low).toBeCloseTo(0.722467, 5)
})

describe("shares of what is right, which lmms-eval has no standard error of", () => {
  it.each(["muirbench", "mmmu_val", "mmmu_pro_standard", "mmmu_pro_vision", "seedbench"])(
    "%s: Wilson's interval, as wide as its documents are few",
    async (name) => {
      const [task] = findTasks([name])
      const docs = scoringCases(name, 24).map(({ doc }) => doc)
      const result = await scoreTask(task, documentsOf(docs), answersOf(docs.map(() => "?!")))
      const overall = result.metrics.find(({ documents }) => documents === docs.length)!
      expect(overall.value).toBe(0)
      expect(overall.certainty).toMatchObject({ method: "mean", interval: wilson(0, docs.length) })
      expect(overall.noInterval).toBeUndefined()
      expect(overall.standardError).toBeUndefined()
    },
  )

  it("say of each answer what their score counts", async () => {
    for (const name of ["muirbench", "mmmu_val", "mmmu_pro_standard", "mmmu_pro_vision", "seedbench"]) {
      const [task] = findTasks([name])
      const cases = scoringCases(name, 60)
      const metric = task.metrics.at(-1)!
      const values = cases.map(
        ({ doc, answer }) => task.count(doc, filteredAnswer(task, answer, doc), {}).values[metric.name],
      )
      const share = values.filter((value) => metric.isRight!(value)).length / values.length
      expect(metric.aggregate(values, {})).toBeCloseTo(share, 4)
    }
  })
})

it("does not read pictures", async () => {
  const samples: ScoredSample[] = []
  const documents = documentsOf(mmstarDocs(6))
  await scoreTask(mmstar, documents, answersOf(right(6)), { onSample: (sample) => void samples.push(sample) })
  expect(samples).toHaveLength(6)
  expect(samples.every(({ doc }) => !("image" in doc) && doc.question !== undefined)).toBe(true)
})

it("refuses what is not answered, unless a part is asked for", async () => {
  const documents = documentsOf(mmstarDocs(6))
  const answers = answersOf(["A", undefined, "A", undefined, "A", "B"])
  await expect(scoreTask(mmstar, documents, answers)).rejects.toThrow("2 of 6 documents are not answered: 1, 3")
  await expect(scoreTask(mmstar, documents, new Map(), { partial: true })).rejects.toThrow("none of 6 documents")
  const result = await scoreTask(mmstar, documents, answers, { partial: true })
  expect(result.missing).toEqual({ count: 2, first: [1, 3] })
  expect(result.documents).toEqual({ original: 6, effective: 4 })
  // The shard that has them all is whole.
  const even = await scoreTask(mmstar, documents, answers, { to: 4, includes: (index) => index % 2 === 0 })
  expect(even.documents.effective).toBe(2)
})

it("names answers that cannot be read, and counts failed ones as wrong without a guess", async () => {
  const docs = Array.from({ length: 4 }, (_, i) => ({
    id: `validation_Art_${i}`,
    question: "Which?",
    options: "['red', 'blue']",
    answer: "A",
    question_type: "multiple-choice",
  }))
  const answers = answersOf(["A", "??", "B", ""])
  answers.set(3, { ...keptAnswer(3, ""), failed: "the picture cannot be decoded" })
  const drawn: number[] = []
  const random = pythonRandom(0)
  const draw = {
    below: (n: number) => {
      drawn.push(n)
      return random.below(n)
    },
    choice: <T>(from: readonly T[]): T => from[draw.below(from.length)],
  }
  const result = await scoreTask(mmmuVal, documentsOf(docs), answers, { compat: { draw } })
  expect(result.unread).toEqual({ count: 1, first: [1] })
  expect(result.failed).toMatchObject({ count: 1, first: [3], why: ["the picture cannot be decoded"], transient: 0 })
  expect(drawn).toEqual([2])
  expect((await scoreTask(mmmuVal, documentsOf(docs), answers)).metrics[0].value).toBe(0.25)
})

it("says what cannot be put together, and still scores the rest", async () => {
  const pair = (category: string, id: number) =>
    ["Yes", "No"].map((answer) => ({ question_id: `${category}/${id}`, category, question: "?", answer }))
  const docs = [...[0, 1, 2, 3, 4, 5].flatMap((id) => pair("existence", id)), ...pair("code_reasoning", 0)].slice(0, 13)
  const result = await scoreTask(mme, documentsOf(docs), answersOf(docs.map(({ answer }) => answer)))
  const [perception, cognition] = result.metrics
  expect(perception).toMatchObject({
    ...{ value: 200, clusters: 6, noInterval: "6 groups: whichever are drawn score the same" },
  })
  expect(perception.certainty).toBeUndefined()
  expect(cognition.value).toBeNull()
  expect(cognition.problem).toMatch(/one question was answered/)
})

it("leaves out documents of which nobody knows what is right, and names them", async () => {
  const doc = (answer: string) => ({ question: "?", options: ["x", "y"], answer, image: null })
  const answers = answersOf(["A", "B", "A"])
  answers.set(2, { ...keptAnswer(2, ""), failed: "the picture cannot be decoded" })
  const result = await scoreTask(ai2d, documentsOf([doc("0"), doc("7"), doc("1")]), answers)
  expect(result.unscored).toEqual({ count: 1, first: [1], why: ["answer: the right option is number 7 of 2"] })
  expect(result.failed.first).toEqual([2])
  expect(result.documents).toEqual({ original: 3, effective: 2 })
  expect(result.metrics[0]).toMatchObject({ value: 0.5, documents: 2 })
  expect(notesOf([result])).toContain(
    "ai2d: left out 1 document that cannot be scored (1): answer: the right option is number 7 of 2",
  )
  await expect(scoreTask(ai2d, documentsOf([doc("7"), doc("x")]), answersOf(["A", "B"]))).rejects.toThrow(
    expect.objectContaining({ message: "answer: the right option is number 7 of 2", where: "memory, row 0" }),
  )
})

it("says of how many documents something is not checked, and scores them by the rest", async () => {
  const docs = ["punctuation:no_comma", "language:response_language", "punctuation:no_comma"].map((id) => ({
    prompt: "p",
    instruction_id_list: id === "punctuation:no_comma" ? [id] : ["punctuation:no_comma", id],
    kwargs: [{}, {}],
  }))
  const result = await scoreTask(ifeval, documentsOf(docs), answersOf(["a", "b", "c, d"]))
  const of = (name: string) => result.metrics.find((metric) => metric.name === name)!
  expect([of("prompt_level_strict_acc").value, of("prompt_level_strict_acc").documents]).toEqual([0.5, 2])
  expect([of("inst_level_strict_acc").value, of("inst_level_strict_acc").documents]).toEqual([2 / 3, 3])
  expect(of("prompt_level_strict_acc").standardError).toBeCloseTo(0.5)
  expect(result.unchecked).toMatchObject({ count: 1, first: [1] })
  expect(notesOf([result])).toEqual([
    expect.stringMatching(/^ifeval_rules: 1 of 3 documents \(1\) have an instruction that is not checked/),
  ])
})
