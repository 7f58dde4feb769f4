/** Block sizes from recipe to report on a small model that sees: stopped in a training and among answers, and gone on. */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { stringify } from "yaml"
import { digestsOf } from "../../../test/support/run-training.js"
import { writeSmallTextModel } from "../../../test/support/small-text-model.js"
import { writeSmallTower } from "../../../test/support/small-towers.js"
import { type SmallData, smallTraining, writeSmallVlm } from "../../../test/support/small-vlm.js"
import type { UserError } from "../../errors.js"
import { loadSession } from "../../generate/session.js"
import { html } from "../../report/html.js"
import { tableHtml } from "../../report/tables.js"
import { writeTaskFile } from "../own-task/task-file.js"
import { findResults } from "../reproduce/found-results.js"
import { readAblation } from "../reproduce/read-ablation.js"
import { rescore } from "../results/rescore.js"
import { closeTasks, type OpenTask, openTasks } from "../run/open-tasks.js"
import { planBlockSizes, requireTrainable } from "./block-sizes.js"
import { planThresholds } from "./decodings.js"
import { questionsTask } from "./questions-task.js"
import { chartsOf, tableOf, writeReport } from "./report.js"
import { type Observer, type Result, runAblation } from "./run.js"

const root = mkdtempSync(join(tmpdir(), "ablate-"))
let small: SmallData
let recipe: string
let tasks: OpenTask[]
const limit = 5
beforeAll(async () => {
  small = await writeSmallVlm(root)
  recipe = join(root, "recipe.yaml")
  const train = { max_steps: 4, accumulate: 1, save_every: 1, learning_rate: 0.003 }
  writeFileSync(recipe, stringify(smallTraining(small, "unused", { train })))
  const file = join(root, "questions.yaml")
  await writeTaskFile(file, questionsTask({ questions: small.data, metrics: ["word-f1", "exact"] }))
  tasks = await openTasks([file])
})
afterAll(() => {
  closeTasks(tasks)
  rmSync(root, { recursive: true })
})

const planOf = (out: string, keys: object = {}) => planBlockSizes({ recipe, sizes: [2, 4], maxTokens: 6, out, ...keys })

type Watch = (what: string, controller: AbortController) => void

/** What is told while it runs: "train block-2 0", "ask block-2 1", … */
async function run(out: string, watch: Watch = () => {}): Promise<Result[]> {
  const controller = new AbortController()
  const tell = (what: string): void => watch(what, controller)
  const observer: Observer = {
    training: ({ key }, event) => event.type === "step" && tell(`train ${key} ${event.metrics.step}`),
    answered: ({ key }, done, total) => tell(`ask ${key} ${done} of ${total}`),
  }
  const { plan, ...rest } = { plan: planOf(out), tasks, limit, concurrent: 2, out, observer }
  return runAblation(plan, { ...rest, dtype: "float32", device: "cpu", signal: controller.signal })
}

describe("block sizes", () => {
  it("are trained from the same start, decoded with a step for each token, and go on where they were stopped", async () => {
    const [whole, parts] = [join(root, "whole"), join(root, "parts")]
    const all: string[] = []
    const expected = await run(whole, (what) => all.push(what))
    const steps = (key: string) => [0, 1, 2, 3].map((step) => `train ${key} ${step}`)
    const answers = (key: string, from = 1) => Array.from({ length: 6 - from }, (_, i) => `ask ${key} ${from + i} of 5`)
    expect(all).toEqual(["block-2", "block-4"].flatMap((key) => [...steps(key), ...answers(key)]))

    const stoppedAt = async (moment: string): Promise<string[]> => {
      const seen: string[] = []
      const stopped = run(parts, (what, controller) => {
        seen.push(what)
        if (what === moment) controller.abort(new Error("stopped"))
      })
      await expect(stopped).rejects.toThrow("stopped")
      return seen
    }
    expect(await stoppedAt("train block-2 1")).toEqual(steps("block-2").slice(0, 2))
    expect(await stoppedAt("ask block-2 3 of 5")).toEqual([
      ...steps("block-2").slice(2),
      ...answers("block-2").slice(0, 3),
    ])
    expect(await stoppedAt("train block-4 0")).toEqual([...answers("block-2", 4), ...steps("block-4").slice(0, 1)])
    const rest: string[] = []
    const results = await run(parts, (what) => rest.push(what))
    expect(rest).toEqual([...steps("block-4").slice(1), ...answers("block-4")])

    for (const [i, { variant, measured }] of results.entries()) {
      const other = expected[i]
      expect(digestsOf(variant.model)).toEqual(digestsOf(other.variant.model))
      const { seconds, tokensPerSecond, ...same } = measured
      expect(same.documents).toBe(limit)
      expect(other.measured).toMatchObject(same)
      expect(tokensPerSecond).toBeCloseTo(measured.tokens / seconds)
      expect(measured.forwardsPerToken).toBe(measured.forwards / measured.tokens)
    }
    const sizes = results.map(({ variant }) => JSON.parse(readFileSync(join(variant.model, "config.json"), "utf8")))
    expect(sizes.map((json) => json.bd3lm_block_size)).toEqual([2, 4])
    expect(digestsOf(results[0].variant.model)).not.toEqual(digestsOf(results[1].variant.model))

    const again: string[] = []
    expect(await run(parts, (what) => again.push(what))).toEqual(results)
    expect(again).toEqual([])
  })

  it("ask anew what is asked otherwise, and only that", async () => {
    const [out, file] = [join(root, "whole"), join(root, "changed.json")]
    const records = JSON.parse(readFileSync(small.data, "utf8"))
    writeFileSync(file, JSON.stringify([...records.slice(0, 1), ...records.slice(2)]))
    const before = tasks
    const content = questionsTask({ questions: file, imageRoot: dirname(small.data), metrics: ["word-f1", "exact"] })
    const changed = join(root, "changed.yaml")
    await writeTaskFile(changed, { ...content, task: before[0].task.name })
    tasks = await openTasks([changed])
    const seen: string[] = []
    try {
      await run(out, (what) => seen.push(what))
    } finally {
      closeTasks(tasks)
      tasks = before
    }
    // What the record asked, and what moved up into its place.
    const asked = seen.filter((what) => what.startsWith("ask")).length
    expect(asked).toBeGreaterThan(0)
    expect(asked).toBeLessThan(2 * limit)
  })

  it("are runs that are scored again, and read, as those of `eval`", async () => {
    const [{ folder, measured }] = await run(join(root, "whole"))
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(["answers", "run.json", "report.html"]))
    const { tasks: again, run: record } = await rescore(folder, { out: join(root, "again") })
    expect(record).toMatchObject({ limit, tasks: [{ decoding: { blockSize: 2, steps: 2, maxTokens: 6 } }] })
    const [{ result }] = again
    expect(result.metrics.map(({ name, value }) => [name, value])).toEqual(
      Object.entries(measured.scores).map(([name, { value }]) => [name, value]),
    )
    const found = findResults(folder)
    expect(new Set(found.map(({ model }) => model))).toEqual(new Set([record.model.name]))
    expect(found[0].blockSize).toBe(2)
  })

  it("end as a report: a page, Markdown and numbers, in which nothing of an answer is markup", async () => {
    const out = join(root, "whole")
    const plan = planOf(out)
    const results = (await run(out)).map((result, i): Result => {
      const bold = (answers: Result["answers"][number]) =>
        new Map([...answers].map(([index, answer]) => [index, { ...answer, text: "<b>*bold*|</b>" }]))
      return { ...result, answers: i === 0 ? result.answers.map(bold) : result.answers }
    })
    const input = { plan, results, tasks, concurrent: 2, command: "again & again" }
    const [page, markdown, json] = (await writeReport(out, input)).map((file) => readFileSync(file, "utf8"))
    expect(page).toContain("<svg")
    expect(page).toContain("&lt;b&gt;*bold*|&lt;/b&gt;")
    expect(page).toContain("again &amp; again")
    const [{ task, documents }] = tasks
    const shown = await Promise.all([0, 1, 2, 3].map(async (i) => task.ask(await documents.read(i)).pictures.length))
    expect(page.match(/<img src="data:image\/png;base64,/g)).toHaveLength(shown.filter((count) => count > 0).length)
    expect(markdown).toContain("| block size | F1 of the words (%) | exact (%) | tokens/s | forwards per token |")
    expect(markdown).toMatch(/\n\| 2 \| .*\n\| 4 \| /)
    expect(markdown).toContain("\\<b\\>\\*bold\\*\\|\\</b\\>")
    const { results: rows, ...about } = JSON.parse(json)
    expect(about).toMatchObject({ title: "Block sizes", documents: 5, metrics: ["word-f1", "exact"] })
    expect(rows.map((row: Record<string, unknown>) => row["block size"])).toEqual(["2", "4"])
    expect(rows[0].scores["word-f1"].value).toBe(results[0].measured.scores["word-f1"].value)
    expect(rows[0].run).toBe(join("runs", "block-2"))
    // What is read again makes the same table, but for what is not in it.
    const read = tableOf(readAblation(join(out, "report.json")))
    expect(read.rows).toEqual(tableOf(input).rows)
    expect(rows[0].decoding).toEqual({ blockSize: 2, steps: 2, maxTokens: 6 })
    const score = {
      ...{ task: "chartqa", metric: "relaxed_overall", title: "relaxed_overall" },
      scale: 100,
      documents: 5,
    }
    const scored = results.map(({ variant, measured }, i) => ({
      variant,
      measured: { ...measured, tokensPerSecond: 1 + i, scores: { relaxed_overall: { ...score, value: 0.5 } } },
    }))
    expect(html`${chartsOf(scored)}`.text).toContain("chartqa, relaxed_overall against tokens per second")
    expect(tableHtml(tableOf({ ...input, results: scored })).text).toContain("relaxed_<wbr>overall (%)")
  })
})

describe("ways of decoding one model", () => {
  it("take turns, and go on where they were stopped", async () => {
    const model = join(root, "whole", "block-4", "model")
    const subject = { session: loadSession(model, { device: "cpu" }), model, title: "m" }
    const decoding = { maxTokens: 6, blockSize: 4 }
    const start = async (watch: Watch) => {
      const controller = new AbortController()
      const observer: Observer = {
        training: () => {},
        answered: ({ label }, done, total) => watch(`${label} ${done} of ${total}`, controller),
      }
      const plan = planThresholds(subject, [], { thresholds: [1, 0], decoding })
      const out = join(root, "turns")
      const { signal } = controller
      return runAblation(plan, {
        tasks,
        limit,
        concurrent: 1,
        out,
        dtype: "float32",
        device: "cpu",
        signal,
        observer,
      })
    }
    const seen: string[] = []
    const stopped = start((what, controller) => {
      seen.push(what)
      if (seen.length === 3) controller.abort(new Error("stopped"))
    })
    await expect(stopped).rejects.toThrow("stopped")
    const results = await start((what) => seen.push(what))
    // Two questions of each, and behind the stop from the first of them again; longer ones first.
    const order = ["τ 1", "τ 1", "τ 0", "τ 1", "τ 1", "τ 0", "τ 0", "τ 1", "τ 0", "τ 0"]
    expect(seen).toEqual(order.map((label, i) => `${label} ${i + 1} of 10`))
    expect(results.map(({ measured }) => measured.documents)).toEqual([5, 5])
    expect(results[1].measured.forwards).toBeLessThan(results[0].measured.forwards)
  })
})

describe("what cannot be trained is said before anything is written", () => {
  const out = join(root, "nothing")
  it.each([
    [{ set: ["paradigm=autoregressive"] }, /autoregressive model, which has no block size/],
    [{ sizes: [9000] }, /--sizes: 9000 is above data.max_length/],
    [
      { sizes: [8, 6], set: ["block_diffusion.anneal=[{until: 0.5, block_size: 4}]"] },
      /4 does not divide block_size, 6/,
    ],
  ])("%j", (keys, message) => {
    expect(() => planOf(out, keys)).toThrow(message)
    expect(existsSync(out)).toBe(false)
  })

  it("by looking at the model and the data", async () => {
    const [{ training }] = planOf(out).variants
    expect(await requireTrainable(training!, {})).toBe(true)
    const wrong = (keys: object) => requireTrainable({ ...training!, ...keys }, {})
    await expect(wrong({ model: join(root, "nowhere") })).rejects.toThrow(/no such model/)
    await expect(wrong({ data: { ...training!.data, file: join(root, "none.json") } })).rejects.toThrow(
      /cannot be opened/,
    )
    const large = planOf(out, { sizes: [4096] }).variants[0].training!
    await expect(requireTrainable(large, {})).rejects.toThrow(/a block of 4096 tokens exceeds|exceeds max_position/)
    await expect(requireTrainable(training!, { maxTokens: 1e6 })).rejects.toThrow(/max-tokens of 1000000 would exceed/)
    expect(existsSync(out)).toBe(false)
  })

  it("of a model that the recipe gives a tower: it sees, and what does not fit is said", async () => {
    const { folder: model, data } = await writeSmallTextModel(join(root, "text"))
    const vision = { tower: await writeSmallTower(join(root, "tower"), "siglip") }
    const seeing = join(root, "seeing.yaml")
    const train = { max_steps: 1, accumulate: 1, micro_batch_size: 1 }
    writeFileSync(
      seeing,
      stringify({ model, output: "unused", paradigm: "block-diffusion", vision, data: { file: data }, train }),
    )
    const [{ training }] = planOf(out, { recipe: seeing }).variants
    expect(await requireTrainable(training!, {})).toBe(true)
    expect(await requireTrainable({ ...training!, vision: undefined }, {})).toBe(false)
    const wrong = (keys: object) => requireTrainable({ ...training!, ...keys }, {})
    await expect(wrong({ model: small.model })).rejects.toThrow(/sees already/)
    await expect(wrong({ data: { ...training!.data, max_pixels: 3136 } })).rejects.toThrow(/cannot follow max_pixels/)
    expect(existsSync(out)).toBe(false)
  })

  it("of a recipe in stages, with what to do", () => {
    const staged = join(root, "staged.yaml")
    writeFileSync(staged, `${readFileSync(recipe, "utf8")}stages: [{ name: a }, { name: b }]\n`)
    const { message, fix } = errorOf(() => planOf(out, { recipe: staged }))
    expect(message).toContain("the recipe has 2 stages, and one training is wanted")
    expect(fix).toMatch(
      /with `diffusionvl train`, then give a recipe of the last alone.* with model: \S+\/stage-1\/model$/,
    )
  })
})

function errorOf(action: () => unknown): UserError {
  try {
    action()
  } catch (error) {
    return error as UserError
  }
  throw new Error("nothing was refused")
}
