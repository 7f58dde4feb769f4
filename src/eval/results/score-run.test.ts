import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { strFromU8, unzipSync } from "fflate"
import { afterEach, beforeEach, expect, it } from "vitest"
import { answersOf, documentsOf, mmstarDocs } from "../../../test/support/documents.js"
import { lockFolder } from "../../checkpoint/lock.js"
import type { RunRecord } from "../run/run-record.js"
import type { Doc, Task } from "../task/task.js"
import { mmbenchEnDev } from "../tasks/mmbench_en_dev.js"
import { mmmuVal } from "../tasks/mmmu_val.js"
import { mmstar } from "../tasks/mmstar.js"
import { scoreRun } from "./score-run.js"

let out: string
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), "score-run-"))
})
afterEach(() => rmSync(out, { recursive: true }))

const run = (compat = false): RunRecord => ({
  version: 1,
  command: "diffusionvl eval hustvl/DiffusionVL-3B",
  model: { name: "hustvl/DiffusionVL-3B", fingerprint: "f", dtype: "bfloat16", device: "cpu" },
  compat,
  concurrent: 8,
  given: { steps: 8 },
  tasks: [],
  started: "2025-12-14T01:30:15.000Z",
  ended: "2025-12-14T01:31:15.500Z",
})

const answered = (task: Task, docs: readonly Doc[], texts: readonly string[]) => ({
  task,
  documents: documentsOf(docs),
  answers: answersOf(texts),
  record: {
    ...{ task: task.name, documents: docs.length, fingerprint: "d", asks: "a", first: docs.length, answers: "" },
    ...{ generation: { max_new_tokens: 16, steps: 8 }, decoding: {} },
  },
})

const mmmuDocs = (count: number): Doc[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ id: `validation_Art_${i}`, question: "Which é?", options: "['red', 'blue']", answer: "A" },
    ...{ question_type: "multiple-choice", image_1: { bytes: new Uint8Array(3), path: "x" } },
  }))

const lines = (name: string) =>
  readFileSync(join(out, name), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))

it("writes results and samples by lmms-eval's names, keys and order", async () => {
  const tasks = [
    answered({ ...mmstar, shots: 3 }, mmstarDocs(8), Array(8).fill("A")),
    answered(mmmuVal, mmmuDocs(3), ["A", "B", "?"]),
  ]
  const { files, tasks: scored } = await scoreRun(run(), tasks, { out })
  const date = "20251214_093015"
  expect(readdirSync(out).sort()).toEqual(["hustvl__DiffusionVL-3B", "report.html"])
  // Beside the results, where lmms-eval's own page looks for them.
  expect(readdirSync(join(out, "hustvl__DiffusionVL-3B")).sort()).toEqual([
    `${date}_results.json`,
    `${date}_samples_mmmu_val.jsonl`,
    `${date}_samples_mmstar.jsonl`,
  ])
  expect(files[0]).toBe(join(out, "hustvl__DiffusionVL-3B", `${date}_results.json`))
  const results = JSON.parse(readFileSync(files[0], "utf8"))
  expect(Object.keys(results)).toEqual([
    ...["results", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "config"],
    ...["git_hash", "date", "task_hashes", "model_source", "model_name", "model_name_sanitized"],
    ...["system_instruction", "system_instruction_sha", "fewshot_as_multiturn", "chat_template", "chat_template_sha"],
    ...["start_time", "end_time", "total_evaluation_time_seconds", "diffusionvl"],
  ])
  expect(results.results.mmstar).toMatchObject({ alias: "mmstar", "average,none": 0.5, "average_stderr,none": "N/A" })
  expect(results.results.mmmu_val).toEqual({
    ...{ alias: "mmmu_val", "mmmu_acc,none": 0.33333, "mmmu_acc_stderr,none": "N/A" },
    ...{ "submission,none": [], "submission_stderr,none": [] },
  })
  expect(results["n-samples"].mmstar).toEqual({ original: 8, effective: 8 })
  expect(results["n-shot"]).toEqual({ mmstar: 3, mmmu_val: 0 })
  expect(results.versions).toEqual({ mmstar: "Yaml", mmmu_val: 0 })
  expect(results.total_evaluation_time_seconds).toBe("60.5")
  expect(results.diffusionvl.tasks.mmmu_val.unread).toEqual({ count: 1, first: [2] })
  const interval = results.diffusionvl.tasks.mmstar.metrics.average.certainty.interval95
  expect(interval[0]).toBeLessThan(0.5)
  const [sample] = lines(`hustvl__DiffusionVL-3B/${date}_samples_mmmu_val.jsonl`)
  expect(Object.keys(sample)).toEqual([
    ...["doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "doc_hash", "prompt_hash", "target_hash"],
    ...["mmmu_acc", "submission", "input"],
  ])
  expect(sample).toMatchObject({ doc: { question: "Which é?" }, arguments: { steps: 8 }, resps: [["A"]] })
  expect(sample.doc.image_1).toBeUndefined()
  expect(results.task_hashes.mmmu_val).toBe(scored[1].hash)
  // What could not be read comes first, then what is wrong.
  expect(scored[1].wrong.map(({ index, answer, target }) => [index, answer, target])).toEqual([
    [2, "?.", "A"],
    [1, "B.", "A"],
  ])
})

it("draws as the authors do where that is asked for, the same whatever is scored beside it", async () => {
  const one = () => answered(mmmuVal, mmmuDocs(20), Array(20).fill("?"))
  const read = async (count: number) =>
    (await scoreRun(run(true), Array.from({ length: count }, one), { out })).tasks.map(
      ({ result }) => result.metrics[0].value,
    )
  // Of 20 draws between two letters, by random.seed(0) of Python.
  expect(await read(1)).toEqual([0.4])
  expect(await read(2)).toEqual([0.4, 0.4])
  expect((await scoreRun(run(), [one()], { out })).tasks[0].result.metrics[0].value).toBe(0)
})

it("leaves nothing of a task that cannot be scored", async () => {
  const half = answered(mmstar, mmstarDocs(8), ["A"])
  await expect(scoreRun(run(), [half], { out })).rejects.toThrow("7 of 8 documents are not answered")
  expect(readdirSync(out)).toEqual(["hustvl__DiffusionVL-3B"])
})

it("writes MMBench's sheet, in which odd texts stay texts", async () => {
  const doc = { index: 5, question: "<b>&amp; ]]>", hint: "nan", answer: "A", A: "=1+1", B: "é\u0001", C: "nan" }
  const docs = [{ ...doc, D: "nan", category: "c", source: "s", "L2-category": "l", split: "dev" }]
  await scoreRun(run(), [answered(mmbenchEnDev, docs, ["A"])], { out })
  const sheet = unzipSync(readFileSync(join(out, "submissions", "mmbench_en_dev_results.xlsx")))
  const text = Object.entries(sheet)
    .filter(([name]) => name.endsWith(".xml"))
    .map(([, bytes]) => strFromU8(bytes))
    .join("\n")
  for (const column of ["index", "prediction", "L2-category", "E"]) expect(text).toContain(`>${column}<`)
  expect(text).toContain("&lt;b&gt;&amp;amp; ]]&gt;")
  expect(text).toContain("=1+1")
  expect(text).not.toMatch(/<f>|\u0001/)
  const accuracies = JSON.parse(readFileSync(join(out, "submissions", "mmbench_en_dev_results.json"), "utf8"))
  expect(accuracies).toEqual({ overall_acc: 1, category_acc: { c: 1 }, l2_category_acc: { l: 1 } })
})

it("is the one writer of the folder, and clears away what a killed one left", async () => {
  const tasks = [answered(mmstar, mmstarDocs(8), Array(8).fill("A"))]
  const model = join(out, "hustvl__DiffusionVL-3B")
  const left = [
    join(out, ".report.html.1.partial"),
    join(model, ".samples.1.partial"),
    join(out, "submissions", ".a.1.partial"),
  ]
  for (const file of left) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, "")
  }
  const lock = lockFolder(out)
  await expect(scoreRun(run(), tasks, { out })).rejects.toThrow("writes to this folder")
  lock.release()
  await scoreRun(run(), tasks, { out })
  const names = readdirSync(out, { recursive: true, encoding: "utf8" })
  expect(names.filter((name) => /partial|lock/.test(name))).toEqual([])
})
