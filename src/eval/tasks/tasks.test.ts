/** What the authors' functions do not say: what is unread, what is drawn, what a document must have. */

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type ScoringCase, scoringCases } from "../../../test/authors-scores/documents.js"
import { anyText } from "../../../test/support/any-text.js"
import { failureOf } from "../../../test/support/failure.js"
import { pythonRandom } from "../task/python-random.js"
import { filteredAnswer, sampleRecord } from "../task/sample-record.js"
import type { Doc, Task } from "../task/task.js"
import { findTasks } from "./index.js"

const task = (name: string): Task => findTasks([name])[0]
const docOf = (name: string): Doc => scoringCases(name, 1)[0].doc
const png = Uint8Array.of(137, 80, 78, 71)

/** An answer in which nothing can be read, by task. */
const UNREADABLE: Readonly<Record<string, string>> = {
  ...{
    mmmu_val: "hm",
    mmmu_pro_standard: "hm",
    mmmu_pro_vision: "A cat",
    mmstar: "42",
    mme: "perhaps",
    seedbench: "(A)",
  },
  ...{ mmbench_en_dev: "hm", realworldqa: "?!", ai2d: "hm", chartqa: "", muirbench: "(A)", detailcaps: "" },
}

describe("any text", () => {
  it.each(Object.keys(UNREADABLE))("is an answer to %s", (name) => {
    const { metrics, ...one } = task(name)
    // Of MMBench's rows the first of each question alone is scored.
    const cases = scoringCases(name, 40).flatMap(({ doc }) => (Number(doc.index) >= 1e6 ? [] : [doc]))
    fc.assert(
      fc.property(fc.constantFrom(...cases), anyText, fc.boolean(), (doc, answer, isDrawn) => {
        const { text: read } = filteredAnswer({ metrics, ...one }, answer, doc)
        const compat = isDrawn ? { draw: pythonRandom(0) } : {}
        const { values } = one.count(doc, { text: read }, compat)
        for (const metric of metrics) {
          if (metric.prepare || !(metric.name in values)) continue
          const pair = name === "mme" ? [values[metric.name], values[metric.name]] : [values[metric.name]]
          const score = metric.aggregate(pair, compat)
          if (metric.unavailable || metric.name === "submission") expect(score).toBeNull()
          else expect(score).toBeGreaterThanOrEqual(0)
        }
      }),
    )
  })
})

describe("what cannot be read", () => {
  it.each(Object.entries(UNREADABLE))("%s: %j is wrong, and said so", (name, answer) => {
    const one = task(name)
    const doc = {
      ...docOf(name),
      ...(name === "mmmu_val" && { options: "['x', 'y']", question_type: "multiple-choice" }),
    }
    const { unread, values } = one.count(doc, { text: filteredAnswer(one, answer, doc).text }, {})
    expect(unread).toBe(true)
    const metric = one.metrics.find(({ name: key, prepare }) => key in values && !prepare)!
    const pair = name === "mme" ? [values[metric.name], values[metric.name]] : [values[metric.name]]
    expect(metric.aggregate(pair, {}) ?? 0).toBe(0)
  })

  it("is drawn as the authors' program does, where that is asked for", () => {
    const options = "['w', 'x', 'y', 'z']"
    const doc = { ...docOf("mmmu_val"), options, question_type: "multiple-choice" }
    const draw = pythonRandom(0)
    const drawn = Array.from({ length: 10 }, () => {
      const { values, unread } = task("mmmu_val").count(doc, { text: "hm" }, { draw })
      expect(unread).toBe(true)
      return (values.mmmu_acc as { parsed_pred: string }).parsed_pred
    })
    expect(drawn.join("")).toBe("DDACDDCDCB")
  })

  it("of MMBench draws for each score anew, and only there", () => {
    const row = { ...docOf("mmbench_en_dev"), index: 1, answer: "E", A: "w", B: "x", C: "y", D: "z" }
    const one = task("mmbench_en_dev")
    const value = one.count(row, { text: "hm" }, {}).values.gpt_eval_score
    const draw = pythonRandom(0)
    const score = (compat: object): unknown => one.metrics[0].aggregate([value], compat)
    expect([score({}), score({ draw }), score({ draw })]).toEqual([0, 100, 100])
    expect(draw.below(4)).toBe(pythonRandom(0).below(4))
  })

  it("does not hide what can be: a free answer, a letter", () => {
    const open = { ...docOf("mmmu_val"), question_type: "open", answer: "3" }
    expect(task("mmmu_val").count(open, { text: "about 3" }, {}).unread).toBe(false)
    expect(task("mmstar").count(docOf("mmstar"), { text: "(b) dog" }, {}).unread).toBe(false)
    expect(task("mme").count(docOf("mme"), { text: "No." }, {}).unread).toBe(false)
  })
})

describe("questions", () => {
  it.each([
    ["mmstar", { image: { bytes: png, path: "a.png" } }, ["a.png"]],
    [
      "seedbench",
      {
        image: [
          { bytes: png, path: null },
          { bytes: png, path: "b" },
        ],
      },
      ["image[0]", "b"],
    ],
    ["muirbench", { image_list: [png, png] }, ["image_list[0]", "image_list[1]"]],
    [
      "mmmu_val",
      { question: "<image 2> and <image 10>, <image 2>", image_2: png, image_10: png, options: "[]" },
      ["image_10", "image_2"],
    ],
    ["mmmu_pro_vision", { image: png }, ["image"]],
  ] as const)("%s has its pictures in order", (name, columns, pictures) => {
    expect(
      task(name)
        .ask({ ...docOf(name), ...columns })
        .pictures.map((one) => one.name),
    ).toEqual(pictures)
  })

  it("of DetailCaps have pictures as they lie in the file", () => {
    expect(task("detailcaps").ask({ ...docOf("detailcaps"), binary: png }).pictures[0].upright).toBe(false)
    expect(task("mmstar").ask({ ...docOf("mmstar"), image: png }).pictures[0].upright).toBeUndefined()
  })

  it.each([
    ["mmstar", {}, /^image: the document has no picture here/],
    ["mmstar", { image: "a.png" }, /^image: the document has no picture/],
    ["mmmu_val", { question: "<image 3>", image_3: null }, /^image_3: /],
    ["mmstar", { question: undefined }, /^question: the document has no such column[\s\S]*its columns are/],
    ["mmmu_val", { options: "cat, dog", question_type: "multiple-choice" }, /^options: not a Python list/],
    ["ai2d", { options: "cat" }, /^options: a list was expected/],
  ] as const)("%s says what is missing", (name, columns, sentence) => {
    const doc = { ...docOf(name), ...columns }
    expect(failureOf(() => task(name).ask(doc).pictures)).toMatch(sentence)
  })

  it.each([
    ["ai2d", { answer: "7", options: ["a"] }, /^answer: the right option is number 7 of 1/],
    ["ai2d", { answer: "B" }, /^answer: a whole number was expected, not B/],
    ["mme", { answer: "maybe" }, /^answer: the right answer is yes or no/],
    ["mmmu_val", { id: "7" }, /^7: the id does not name a subject/],
    ["mmbench_en_dev", { index: "x" }, /^index: a whole number/],
  ] as const)("%s says what cannot be scored", (name, columns, sentence) => {
    expect(failureOf(() => task(name).count({ ...docOf(name), ...columns }, { text: "A" }, {}))).toMatch(sentence)
  })
})

describe("scores", () => {
  it("of nothing are none", () => {
    for (const name of Object.keys(UNREADABLE))
      for (const metric of task(name).metrics) expect(metric.aggregate([], {})).toBeNull()
  })

  it("of half a pair are told from wrong ones", () => {
    const { values } = task("mme").count({ ...docOf("mme"), category: "count" }, { text: "yes" }, {})
    const perception = task("mme").metrics[0]
    expect(failureOf(() => perception.aggregate([values.mme_perception_score], {}))).toMatch(
      /one question was answered, not two[\s\S]*even --limit/,
    )
  })

  it("of MMBench do not read options without a value, which the text nan is", () => {
    const value = {
      index: 1,
      answer: "B",
      prediction: "a banana",
      category: "c",
      A: "apple",
      B: "banana",
      C: "nan",
      D: "nan",
    }
    const score = (row: object): unknown => task("mmbench_en_dev").metrics[0].aggregate([row], {})
    expect(score(value)).toBe(0)
    expect(score({ ...value, C: null, D: undefined })).toBe(100)
  })

  it("of MMBench's own TSV files are by their second-level categories too", () => {
    const { "L2-category": second, ...row } = docOf("mmbench_en_dev")
    const value = task("mmbench_en_dev").count({ ...row, "l2-category": second }, { text: "A" }, {}).values
      .gpt_eval_score
    expect(value).toMatchObject({ "L2-category": second })
  })

  it("have parts that make up the whole", () => {
    for (const name of ["mmmu_val", "mmmu_pro_standard", "mmstar", "mme", "mmbench_en_dev", "muirbench"]) {
      const one = task(name)
      const metric = one.metrics.find(({ name: key }) => ["average"].includes(key)) ?? one.metrics[0]
      const counted = scoringCases(name, 80).map(({ doc, answer }: ScoringCase) =>
        one.count(doc, { text: filteredAnswer(one, answer, doc).text }, {}),
      )
      const values = counted.flatMap((found) => found.values[metric.name] ?? [])
      const parts = metric.parts!(values, {})
      expect(parts.length, name).toBeGreaterThan(1)
      if (name === "muirbench") expect(parts.reduce((sum, { count }) => sum + count, 0)).toBe(80)
      if (name === "mme")
        expect(parts.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(metric.aggregate(values, {})!)
      if (name === "mmbench_en_dev")
        expect(new Set(parts.map(({ by }) => by))).toEqual(new Set(["category", "L2-category"]))
    }
  })
})

describe("a line of a samples' file", () => {
  it("has its target as text, whatever it is", () => {
    const record = sampleRecord(task("detailcaps"), { docId: 0, doc: docOf("detailcaps"), answer: "", options: {} })
    expect(record.target).toMatch(/^\[.*\]$/s)
  })

  it("holds no pictures or other bytes, and the values of options", () => {
    const doc = { ...docOf("detailcaps"), binary: png, more: [{ bytes: png }], big: 5n }
    const options = { gen_length: 128 }
    const record = sampleRecord(task("detailcaps"), { docId: 2, doc, answer: "A cat", options })
    expect(Object.keys(record.doc as object)).toEqual([
      "source",
      "GT_Caption_GPT4O",
      "GT_Caption_GPT4V",
      "GT_Caption_Gemini15Pro",
      "big",
    ])
    expect(record).toMatchObject({ doc_id: 2, arguments: options, resps: [["A cat"]], filtered_resps: ["A cat"] })
    expect(() => JSON.stringify(record)).not.toThrow()
    expect(Object.keys(record).at(-1)).toBe("input")
  })
})
