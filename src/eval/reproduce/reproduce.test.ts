import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { UserError } from "../../errors.js"
import type { Subject } from "../answerer/subject.js"
import { rescore } from "../results/rescore.js"
import { scoreRun } from "../results/score-run.js"
import type { ScoredRun } from "../results/scored-run.js"
import type { MetricResult, TaskResult } from "../results/task-result.js"
import { evaluate } from "../run/evaluate.js"
import type { OpenTask } from "../run/open-tasks.js"
import type { Asked } from "../task/task.js"
import { allTasks } from "../tasks/index.js"
import { scoreKey, tasksOf } from "./filled-table.js"
import { findResults } from "./found-results.js"
import { PAPER_TABLES } from "./paper/index.js"
import { readAblation } from "./read-ablation.js"
import { reproducedPage } from "./report.js"
import { reproduceSmall, smallNotRun } from "./reproduce-small.js"
import { askedOf, notRun, reproduceTable } from "./reproduce-table.js"
import { filledRows } from "./rows.js"
import { type RunModel, runOpen } from "./run-tasks.js"
import { smallAblation, smallTable } from "./small.js"

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "reproduce-"))
})
afterEach(() => rmSync(root, { recursive: true }))

describe("the paper's tables", () => {
  it.each(Object.values(PAPER_TABLES))("$name has a cell for each column, and scores that there are", (table) => {
    const known = new Map(allTasks().map((task) => [task.name, task.metrics.map(({ name }) => name)]))
    for (const { cells } of table.rows) expect(cells).toHaveLength(table.columns.length)
    for (const { score } of table.columns) if (score) expect(known.get(score.task)).toContain(score.metric)
    for (const cell of table.rows.flatMap(({ cells }) => cells)) expect(cell).toMatch(/^(|-|\d+(\.\d)?( \/ \d+\.\d)?)$/)
  })

  it("have what the abstract says of them", () => {
    const { rows, columns } = PAPER_TABLES.table1
    const at = (model: string, size: string, column: string) => {
      const row = rows.find((one) => one.model === model && one.size === size)!
      return Number(row.cells[columns.findIndex(({ title }) => title === column)])
    }
    const gain = (column: string) => at("DiffusionVL", "7B", column) / at("LLaDA-V", "8B", column) - 1
    expect((100 * gain("MMMU-Pro (vision)")).toFixed(1)).toBe("34.4")
    expect((100 * gain("MME (cognition)")).toFixed(1)).toBe("37.5")
    // The 3B of table 1 and 2 is the block size 8 of table 4.
    const [, , eight] = PAPER_TABLES.table4.rows
    expect(eight.cells[3]).toBe(String(at("DiffusionVL", "3B", "MMMU (val)")))
    expect(eight.cells[0]).toBe(PAPER_TABLES.table2.rows.at(-2)!.cells[3])
  })
})

const metric = (name: string, value: number): MetricResult => ({
  ...{ name, value, scale: 100, higherIsBetter: true, documents: 10, clusters: 10, parts: [] },
  certainty: { standardError: 0.01, method: "mean", interval: { low: value - 0.02, high: value + 0.02 } },
})

const scored = (results: Record<string, MetricResult[]>): ScoredRun =>
  ({
    tasks: Object.entries(results).map(([task, metrics]) => ({ result: { task, metrics } as TaskResult })),
  }) as ScoredRun

/** Results as lmms-eval writes them. */
function writeResults(model: string, results: Record<string, Record<string, unknown>>): string {
  const folder = join(root, "lmms", model.replaceAll("/", "__"))
  mkdirSync(folder, { recursive: true })
  const counts = Object.fromEntries(Object.keys(results).map((task) => [task, { original: 900, effective: 900 }]))
  const config = { model: "llava_onevision", model_args: `pretrained=${model},conv_template=qwen_2_5` }
  writeFileSync(join(folder, "20250101_000000_results.json"), JSON.stringify({ results, "n-samples": counts, config }))
  return join(root, "lmms")
}

describe("a table filled", () => {
  it("has results that were found, beside the paper's row, and says what is missing", async () => {
    const folder = writeResults("hustvl/DiffusionVL-Qwen2.5VL-3B", {
      mmmu_val: { "mmmu_acc,none": 0.47, "mmmu_acc_stderr,none": "N/A" },
      chartqa: { "relaxed_overall,none": 0.8 },
    })
    expect(findResults(folder)).toHaveLength(1)
    const filled = await reproduceTable(PAPER_TABLES.table1, { models: [], results: [folder], out: root })
    const { rows, head } = filledRows(filled)
    const own = rows.findIndex(({ kind }) => kind === "own")
    expect(rows[own - 1].cells.slice(0, 2).map(({ text }) => text)).toEqual(["DiffusionVL", "3B"])
    const texts = rows[own].cells.map(({ text }) => text)
    expect(texts[head.indexOf("MMMU (val)")]).toBe("47.0")
    expect(texts[head.indexOf("MMStar")]).toBe("not run")
    expect(notRun(filled).join("\n")).toContain("it is not among the results that were given")
    expect(notRun(filled).at(-1)).toContain("DiffusionVL 7B")
    expect(askedOf(filled)).toEqual(["hustvl/DiffusionVL-Qwen2.5VL-3B: 900 documents (MMMU (val))"])
    const third = await reproduceTable(PAPER_TABLES.table3, { models: [], out: root })
    expect(notRun(third).at(-1)).toContain("LLaDA-V 8B (Full-Diff), LLaDA-V 8B (Block-Diff.), LLaVA 7B")
  })

  it("takes scores by the filter that our task has, and of newer versions of lmms-eval without it", () => {
    const scoresOf = (results: Record<string, unknown>) =>
      findResults(writeResults("a", { ai2d: results }))
        .at(-1)!
        .scores.get(scoreKey("ai2d", "exact_match"))?.value
    expect(scoresOf({ "exact_match,flexible-extract": 0.5, "exact_match,none": 0.2 })).toBe(0.5)
    expect(scoresOf({ "exact_match,none": 0.25 })).toBe(0.25)
    expect(scoresOf({ "exact_match,other": 0.25 })).toBeUndefined()
  })

  it("sets models of a block size below its row, whatever they are called, and asks them for a step a token", async () => {
    const results = { chartqa: { "relaxed_overall,none": 0.8 } }
    const run = { compat: false, tasks: [{ task: "chartqa", decoding: { blockSize: 16, steps: 16 } }] }
    const folder = join(root, "ablation", "runs", "block-16")
    mkdirSync(folder, { recursive: true })
    const json = { results, model_name: "out/block-16/model", diffusionvl: { run } }
    writeFileSync(join(folder, "20250101_000000_results.json"), JSON.stringify(json))
    const asked: unknown[] = []
    const runs: RunModel = async (_, tasks, { stepPerToken, compat }) => {
      asked.push([tasks.map(({ name }) => name), stepPerToken, compat])
      const decoding = { blockSize: 4, steps: 4 }
      return { ...scored({ chartqa: [metric("relaxed_overall", 0.7)] }), run: { tasks: [{ decoding }] } } as ScoredRun
    }
    const data = new Map([["chartqa", join(root, "chartqa.json")]])
    writeFileSync(data.get("chartqa")!, JSON.stringify([{ type: "t", question: "q", answer: "a", image: "i.png" }]))
    process.env.HF_HUB_OFFLINE = "1"
    try {
      const how = { models: ["mine"], results: [join(root, "ablation")], data, out: root }
      const filled = await reproduceTable(PAPER_TABLES.table4, how, runs)
      expect(filled.own.map(({ model, repeats }) => [model, repeats])).toEqual([
        ["mine", 1],
        ["out/block-16/model", 3],
      ])
      expect(filled.own.map(({ cells: [first] }) => first)).toMatchObject([{ value: 0.7 }, { value: 0.8 }])
      expect(asked).toEqual([[["chartqa"], true, true]])
      expect(askedOf(filled).at(-1)).toMatch(/not decoded and counted as the authors do \(no --compat\): ChartQA$/)
    } finally {
      delete process.env.HF_HUB_OFFLINE
    }
  })

  it("has the scores of the other tasks where one cannot be run", async () => {
    const tasks = ["ai2d", "chartqa", "mme"].map((name) => ({ name, task: { name } }) as OpenTask)
    const ran: string[][] = []
    const run: RunModel = async (_, some) => {
      ran.push(some.map(({ name }) => name))
      if (some.some(({ name }) => name === "chartqa")) throw new UserError("the page is damaged", { where: "row 3" })
      return scored(Object.fromEntries(some.map(({ name }) => [name, [metric("exact_match", 0.5)]])))
    }
    const whyNot = new Map<string, string>()
    const { scores } = await runOpen("mine", tasks, { out: root, compat: true }, run, whyNot)
    expect([...scores.keys()]).toEqual(["ai2d", "mme"].map((name) => scoreKey(name, "exact_match")))
    expect([...whyNot]).toEqual([["chartqa", expect.stringContaining("the page is damaged")]])
    // Together at the end: that is what the folder's record says.
    expect(ran.at(-1)).toEqual(["ai2d", "mme"])
  })

  it("runs what is not known, and says why what failed is missing", async () => {
    const folder = writeResults("mine", { ai2d: { "exact_match,flexible-extract": 0.5 } })
    const asked: string[][] = []
    const run: RunModel = async (_, tasks) => {
      asked.push(tasks.map(({ name }) => name))
      return scored({})
    }
    // Nothing is downloaded here: the documents of no benchmark can be had.
    process.env.HF_HUB_OFFLINE = "1"
    try {
      const how = { models: ["mine"], results: [folder], out: root }
      const { own } = await reproduceTable(PAPER_TABLES.table2, how, run)
      expect(asked.flat()).not.toContain("ai2d")
      expect(own[0].repeats).toBeUndefined()
      expect(own[0].cells[2]).toMatchObject({ value: 0.5 })
      expect(own[0].cells.filter((cell) => "why" in cell && cell.why !== "")).toHaveLength(5)
    } finally {
      delete process.env.HF_HUB_OFFLINE
    }
  })
})

/** Answers without a model. */
const answering = (answer: (context: string, asked: Asked) => string): Subject => ({
  record: { name: "scripted", fingerprint: "x" },
  separator: "<|im_end|>",
  check() {},
  open: async () => ({
    record: { name: "scripted", fingerprint: "x" },
    answer: async (asked) => ({ raw: answer(asked.context, asked), tokens: 2, forwards: 2, ended: true }),
  }),
})

describe("on a small machine", () => {
  it.each(["table1", "table2", "table3"] as const)(
    "%s asks the built-in models questions that are in the package",
    async (name) => {
      const table = smallTable(name)
      const asked: [string, number][] = []
      const run: RunModel = async (model, tasks) => {
        for (const { task, documents } of tasks) {
          asked.push([model, documents.count])
          const first = await documents.read(0)
          expect(task.ask(first).pictures).toHaveLength(1)
          expect(task.count(first, { text: String(task.target(first)) }, {}).values).toEqual(
            Object.fromEntries(task.metrics.map(({ name }) => [name, 1])),
          )
        }
        return scored(
          Object.fromEntries(tasks.map(({ task }) => [task.name, task.metrics.map(({ name }) => metric(name, 0.7))])),
        )
      }
      const rows = await reproduceSmall(table, { out: root }, run)
      expect(asked.every(([, count]) => count === 80)).toBe(true)
      expect(new Set(asked.map(([model]) => model))).toEqual(new Set(["emoji-ar", "emoji-diffusion"]))
      expect(rows.slice(0, 2).flatMap(({ cells }) => cells)).toEqual(
        Array.from({ length: 2 * table.columns.length }, () => expect.objectContaining({ value: 0.7 })),
      )
      expect(rows.length).toBe(name === "table3" ? 4 : 2)
      // What makes the rows that are missing is said.
      if (name === "table3")
        expect(smallNotRun(rows).join("\n")).toMatch(/full diffusion.*smollm2-sees\/run\.mjs --out/)
    },
  )

  it("has models and questions of a run, where one is given", () => {
    const table = smallTable("table3", "/run")
    expect(table.models.map(({ model }) => model)).toContain("/run/block-diffusion/model")
    expect(table.tasks.map(({ data }) => data)).toEqual(["/run/questions.jsonl", "/run/heldOutCaptions.jsonl"])
    expect(smallAblation("table4", "/run").training?.model).toBe("/run/connector/model")
    expect(tasksOf(PAPER_TABLES.table2)).toEqual(["seedbench", "ai2d", "chartqa", "realworldqa", "muirbench"])
  })
})

it("counts each kind of question apart, and leaves runs that are scored anew", async () => {
  const turn = (from: string, value: string) => ({ from, value })
  const record = (right: string) => ({
    conversations: [turn("system", "s"), turn("human", "Is it?"), turn("gpt", right)],
  })
  writeFileSync(
    join(root, "questions.jsonl"),
    ["yes", "red", "circle"].map((right) => JSON.stringify(record(right))).join("\n"),
  )
  writeFileSync(join(root, "heldOutCaptions.jsonl"), JSON.stringify(record("It is: cat. It is small.")))
  const table = smallTable("table3", root)
  const run: RunModel = async (name, tasks, { out }) => {
    const subject = answering((context, asked) => (asked.messages?.[0].role === "system" ? "red" : context))
    const { record, tasks: answered } = await evaluate({
      subject: { ...subject, record: { name, fingerprint: name } },
      tasks,
      out,
    })
    return scoreRun(
      record,
      answered.map(({ open, record, answers }) => ({ ...open, record, answers })),
      { out },
    )
  }
  const rows = await reproduceSmall(table, { out: join(root, "small") }, run)
  const values = rows[0].cells.map((cell) => ("value" in cell ? [cell.value, cell.documents] : cell))
  expect(values).toEqual([
    [1 / 3, 3],
    [0, 1],
    [0, 1],
    [1, 1],
    [0, 1],
    [0, 1],
  ])
  const folder = join(root, "small", "autoregressive")
  const again = await rescore(folder, { out: join(root, "again") })
  expect(again.tasks.map(({ result }) => result.task)).toEqual(["easy_vqa", "captions"])
  expect(again.tasks[0].result.metrics[0].value).toBeCloseTo(1 / 3)
})

it("shows an ablation that was made before, beside what the paper says", () => {
  const result = (size: string, mean: number) => ({
    ...{ "block size": size, model: `/x/block-${size}/model`, decoding: { steps: 1 }, questions: 40, tokens: 80 },
    ...{ scores: { exact: { mean, error: 0.02 } }, forwards: 80, forwardsPerToken: 1, seconds: 4, ended: 1 },
    tokensPerSecond: 20 + mean,
  })
  const report = { title: "Block sizes", command: "diffusionvl ablate block-size", questions: 40, metrics: ["exact"] }
  const file = join(root, "report.json")
  writeFileSync(file, JSON.stringify({ ...report, concurrent: 8, results: [result("1", 0.8), result("16", 0.6)] }))
  const found = readAblation(file)
  expect(found.plan.columns).toEqual(["block size"])
  const text = "<b>small</b>"
  const page = reproducedPage({ paper: PAPER_TABLES.table4, ablation: { text, found }, command: "c" })
  expect(page).toContain("80.0")
  expect(page).toContain("<svg")
  expect(page).toContain("&lt;b&gt;small")
})
