import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { comparisonReport } from "../report/comparison-report.js"
import { compareRuns } from "./compare.js"
import { pNote } from "./printed.js"

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "compare-"))
})
afterEach(() => rmSync(root, { recursive: true }))

/** A folder as lmms-eval and `eval` write it. */
function run(name: string, task: string, samples: readonly object[], date = "20250101_000000"): string {
  const folder = join(root, name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, `${date}_samples_${task}.jsonl`),
    samples.map((one) => `${JSON.stringify(one)}\n`).join(""),
  )
  return folder
}

const ai2d = (right: readonly number[], docs = (i: number): object => ({ question: `q${i}`, answer: "0" })) =>
  right.map((exact_match, doc_id) => ({ doc_id, doc: docs(doc_id), target: "A", exact_match }))

const of = (count: number, right: (i: number) => boolean): number[] =>
  Array.from({ length: count }, (_, i) => Number(right(i)))

describe("two runs", () => {
  it("differ by what they differ in, whatever both find hard", async () => {
    const a = run("a", "ai2d", ai2d(of(100, (i) => i % 2 === 0)))
    const b = run("b", "ai2d", ai2d(of(100, (i) => i % 2 === 0 || i < 20)))
    const { tasks, runs } = await compareRuns([a, b])
    expect(runs.map(({ name }) => name)).toEqual(["a", "b"])
    const [{ metrics, documents }] = tasks
    expect(documents).toEqual({ common: 100, first: 100, second: 100 })
    expect(pNote({ tasks, runs, left: [] })).toBeUndefined()
    const [paired] = metrics
    expect(paired).toMatchObject({ first: 0.5, second: 0.6, mcnemar: { onlyFirst: 0, onlySecond: 10, exact: true } })
    expect(paired.difference).toBeCloseTo(0.1)
    expect(paired.mcnemar!.p).toBeCloseTo(2 / 1024)
    // Apart, each is sure to ± 0.1 only.
    expect(paired.certainty!.interval.low).toBeGreaterThan(0.03)
    expect(paired.certainty!.interval.high).toBeLessThan(0.18)
  })

  it("of a task scored by likelihood show what could be chosen", async () => {
    const doc = { question: "Which?", choices: { text: ["a yen", "a pound"], label: ["1", "2"] }, answerKey: "2" }
    const sample = (chosen: number, more: object) => [
      {
        doc_id: 0,
        doc,
        target: "1",
        resps: [[[" a yen", " a pound"][chosen]]],
        acc: chosen,
        acc_norm: chosen,
        ...more,
      },
    ]
    const a = run("a", "arc_easy", sample(0, { log_likelihoods: [-1, -2] }))
    const b = run("b", "arc_easy", sample(1, {}))
    const comparison = await compareRuns([a, b])
    expect(comparison.tasks[0].samples[0]).toMatchObject({
      choices: [
        { text: "a yen", isRight: false },
        { text: "a pound", isRight: true },
      ],
      logLikelihoods: [[-1, -2], undefined],
    })
    const page = comparisonReport(comparison, "").replace(/<[^>]*>/g, "|")
    expect(page).toMatch(/\|choice\|+log-likelihood, a\|/)
    expect(page).toMatch(/\|a\|+a yen\|+−1\.00\|[\s|]+b, right\|+a pound\|+−2\.00\|/)
  })

  it("of lmms-eval may have numbers that are none of JSON's", async () => {
    const sample = (pred: string) =>
      `{"doc_id": 0, "doc": {"id": "validation_Math_1", "question": "NaN or \\"Infinity\\"?"}, "target": "inf", "mmmu_acc": {"subdomain": "Math", "question_type": "open", "answer": "inf", "parsed_pred": [${pred}]}}\n`
    const [a, b] = ["Infinity", "NaN, -Infinity"].map((pred, i) => {
      const folder = run(`inf${i}`, "mmmu_val", [])
      writeFileSync(join(folder, "20250101_000000_samples_mmmu_val.jsonl"), sample(pred))
      return folder
    })
    const [{ metrics, samples }] = (await compareRuns([a, b])).tasks
    expect(metrics[0]).toMatchObject({ metric: "mmmu_acc", first: 1, second: 0 })
    expect(samples).toHaveLength(1)
  })

  it("are compared where both have answered, by the newest file", async () => {
    run("a", "ai2d", ai2d(of(50, () => false)))
    const a = run("a", "ai2d", ai2d(of(50, () => true)), "20250202_000000")
    const b = run("b", "ai2d", ai2d(of(30, () => true)))
    const [{ documents, metrics }] = (await compareRuns([a, b])).tasks
    expect(documents).toEqual({ common: 30, first: 50, second: 30 })
    expect(metrics[0]).toMatchObject({ difference: 0, mcnemar: { p: 1 } })
    expect(metrics[0].certainty).toBeUndefined()
  })

  it("that answered pairs of questions are compared pair by pair", async () => {
    const mme = (right: (i: number) => boolean) =>
      of(40, right).map((score, doc_id) => {
        const value = { question_id: `${doc_id >> 1}`, category: "code_reasoning", score }
        return { doc_id, doc: { ...value, score: 0 }, target: "Yes", mme_cognition_score: value }
      })
    const [a, b] = [
      run(
        "a",
        "mme",
        mme((i) => i % 2 === 0),
      ),
      run(
        "b",
        "mme",
        mme(() => true),
      ),
    ]
    const comparison = await compareRuns([a, b])
    const paired = comparison.tasks[0].metrics[0]
    expect(paired).toMatchObject({
      metric: "mme_cognition_score",
      clusters: 20,
      first: 50,
      second: 200,
      difference: 150,
    })
    // Half a pair is neither right nor wrong.
    expect(paired.mcnemar).toBeUndefined()
    expect(pNote(comparison)).toMatch(/groups of documents, .* can be partly right in mme: mme_cognition_score\)/)
    // Whichever pairs are drawn differ alike: that tells nothing of other ones.
    expect(paired.certainty).toBeUndefined()
  })
})

it("that are wrong everywhere are equally right", async () => {
  const [a, b] = ["a", "b"].map((name) => run(name, "ai2d", ai2d(of(5, () => false))))
  const { metrics } = (await compareRuns([a, b])).tasks[0]
  expect(metrics[0]).toMatchObject({ first: 0, second: 0, mcnemar: { p: 1 } })
})

describe("lmms-eval's newer samples, which have no documents", () => {
  /** As lmms-eval 0.7.3 writes them. */
  const bare = (right: readonly number[], target = "A") =>
    right.map((exact_match, doc_id) => ({
      ...{ doc_id, target, filtered_resps: exact_match ? "A" : "B", token_counts: [null] },
      ...{ doc_hash: "74234e98", exact_match, input: `q${doc_id}` },
    }))

  it("are compared with ours by what is right, and what differs is shown", async () => {
    const ours = ai2d(of(20, (i) => i % 2 === 0)).map((one) => ({ ...one, resps: [["ours"]], input: "q" }))
    const [a, b] = [run("a", "ai2d", ours), run("b", "ai2d", bare(of(20, (i) => i % 2 === 0 || i === 3)))]
    const [{ metrics, samples, documents }] = (await compareRuns([a, b])).tasks
    expect(documents).toEqual({ common: 20, first: 20, second: 20 })
    expect(metrics[0]).toMatchObject({ first: 0.5, second: 0.55, mcnemar: { onlyFirst: 0, onlySecond: 1 } })
    expect(samples).toEqual([{ index: 3, input: "q", target: "A", answers: ["ours", "A"] }])
    const [{ metrics: turned }] = (await compareRuns([b, a])).tasks
    expect(turned[0]).toMatchObject({ first: 0.55, second: 0.5 })
  })

  it("are refused over other documents", async () => {
    const [a, b] = [run("a", "ai2d", ai2d([1, 1])), run("b", "ai2d", bare([1, 1], "B"))]
    await expect(compareRuns([a, b])).rejects.toThrow("different documents: 2 of 2")
  })

  it("hold readings of MMMU's answers in a list", async () => {
    const value = { id: "validation_Art_0", subdomain: "Art", question_type: "multiple-choice", answer: "D" }
    const sample = (parsed_pred: unknown) => [
      { doc_id: 0, target: "D", filtered_resps: "D", mmmu_acc: { ...value, parsed_pred } },
      { doc_id: 1, target: "a bee", filtered_resps: "bee", mmmu_acc: openValue(parsed_pred) },
    ]
    const openValue = (parsed_pred: unknown) => ({
      ...{ ...value, question_type: "open", answer: "a bee" },
      parsed_pred: Array.isArray(parsed_pred) ? [["a bee"]] : ["a bee"],
    })
    const [a, b] = [run("a", "mmmu_val", sample("D")), run("b", "mmmu_val", sample(["D"]))]
    expect((await compareRuns([a, b])).tasks[0].metrics[0]).toMatchObject({ first: 1, second: 1 })
  })

  it("take what belongs together from the run that says it", async () => {
    const value = (doc_id: number, score: number) => ({ question_id: `${doc_id >> 1}`, category: "OCR", score })
    const mme = (score: number) => [0, 1, 2, 3].map((id) => ({ doc_id: id, target: "Yes", ...counted(id, score) }))
    const counted = (id: number, score: number) => ({ mme_perception_score: value(id, score) })
    const ours = run(
      "a",
      "mme",
      mme(1).map((one) => ({ ...one, doc: value(one.doc_id, 0) })),
    )
    const theirs = run(
      "b",
      "mme",
      mme(0).map((one) => ({ ...one, filtered_resps: "No" })),
    )
    for (const folders of [
      [ours, theirs],
      [theirs, ours],
    ])
      expect((await compareRuns(folders)).tasks[0].metrics[0]).toMatchObject({ clusters: 2, documents: 4 })
  })
})

describe("refuses in a sentence", () => {
  it("other documents", async () => {
    const a = run("a", "ai2d", ai2d(of(5, () => true)))
    const b = run(
      "b",
      "ai2d",
      ai2d(
        of(5, () => true),
        (i) => ({ question: i === 3 ? "another" : `q${i}`, answer: "0" }),
      ),
    )
    await expect(compareRuns([a, b])).rejects.toThrow(/over different documents: 1 of 5 .* document 3/)
  })

  it("no task in common, no samples, one run, damaged lines", async () => {
    const a = run("a", "ai2d", ai2d([1]))
    await expect(compareRuns([a])).rejects.toThrow("nothing to compare it with")
    await expect(compareRuns([a, run("b", "chartqa", [])])).rejects.toThrow("no task in common")
    mkdirSync(join(root, "empty"))
    await expect(compareRuns([a, join(root, "empty")])).rejects.toThrow("no samples")
    writeFileSync(join(root, "empty", "20250101_000000_samples_ai2d.jsonl"), '{"doc_id": 0, "doc"')
    await expect(compareRuns([a, join(root, "empty")])).rejects.toThrow("no JSON")
  })
})
