import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { openModel } from "../../src/generate/session.js"
import { demoSchema } from "./recipe.js"
import { type DemoObserver, runDemo } from "./run.js"

const root = mkdtempSync(join(tmpdir(), "dvl-demo-"))
const main = join(root, "main")
afterAll(() => rmSync(root, { recursive: true }))

const task_mixture = [{ until: 1, tasks: { name: 1, choose: 0.5, describe: 0.5 } }]
const scratch = demoSchema.parse({
  data: { concepts: 6, size: 56 },
  tokenizer: { vocabulary: 320 },
  model: {
    vision: { width: 16, depth: 1, heads: 2, mlp: 16 },
    text: { width: 16, depth: 1, heads: 2, kv_heads: 1, mlp: 16 },
  },
  training: { batch: 4, augment: { flip: 0.5, mixing: { probability: 0.5 } }, save_every: 5 },
  stages: {
    autoregressive: { steps: 12, learning_rate: 1e-3, task_mixture },
    diffusion: {
      steps: 6,
      shifts: ["next", "same"],
      learning_rate: 1e-3,
      task_mixture,
      tunable: ["language"],
      block_diffusion: { block_size: 4 },
    },
  },
  evaluation: {
    ...{ questions: 2, sweep_questions: 1, block_sizes: [1, 4], steps: [2], thresholds: [0.5] },
    ...{ speed_rounds: 2, speed_questions: 1 },
  },
})

/** Runs the demo, and stops it at the first thing it shows that begins so. */
async function run(
  stopAt?: string,
  { folder = main, recipe = scratch } = {},
): Promise<{ shown: string[]; finished: boolean; report?: string }> {
  const controller = new AbortController()
  const shown: string[] = []
  const show = (what: string): void => {
    shown.push(what)
    if (stopAt && what.startsWith(stopAt)) controller.abort(new DOMException("stop", "AbortError"))
  }
  const observer: DemoObserver = {
    data: () => show("data"),
    forecast: async (parts) => {
      show(`forecast of ${parts.map(({ name, units }) => `${name} ${units}`).join(", ")}`)
      expect(parts.every(({ secondsPerUnit }) => secondsPerUnit > 0 && secondsPerUnit < 60)).toBe(true)
      return stopAt !== "refused"
    },
    training({ name }, event, left) {
      expect(left).toBeGreaterThanOrEqual(0)
      show(`${name} ${event.type}`)
    },
    evaluation: (done, total, _, left) => {
      expect(left).toBeGreaterThanOrEqual(0)
      show(`evaluation ${done} of ${total}`)
    },
    note: (line) => show(line),
  }
  const result = await runDemo({
    ...{ recipe, folder, observer, setting: "test", command: "demo" },
    signal: controller.signal,
  }).catch((error) => {
    if (controller.signal.aborted) return undefined
    throw error
  })
  return { shown, finished: result !== undefined, report: result?.report }
}

it("ends with a report and models with cards, however often it was stopped", async () => {
  const stops = ["data", "refused", "autoregressive step", "diffusion-same step", "control step", "evaluation 9 of"]
  const sessions: string[][] = []
  for (const stop of stops) {
    const { shown, finished } = await run(stop)
    expect(finished, shown.join("\n")).toBe(false)
    sessions.push(shown)
  }
  const last = await run()
  expect(last.finished).toBe(true)
  // What was done was not done again.
  const all = [...sessions.flat(), ...last.shown]
  for (const stage of ["autoregressive", "control", "diffusion-next", "diffusion-same"])
    expect(all.filter((line) => line === `${stage} done`)).toHaveLength(1)
  expect(last.shown).toContain("autoregressive · trained before")
  // What is left is known from the start, and less each time.
  const forecasts = all.filter((line) => line.startsWith("forecast"))
  expect(forecasts[0]).toMatch(
    /^forecast of autoregressive 12, diffusion-next 6, diffusion-same 6, control 6, evaluation \d+$/,
  )
  expect(forecasts.at(-1)).toMatch(/^forecast of evaluation \d+$/)
  // The last answers are those of the speeds, in turns.
  const counts = all.flatMap((line) => /^evaluation (\d+) of (\d+)$/.exec(line)?.slice(1).map(Number) ?? [])
  expect(counts.at(-2)).toBe(counts.at(-1))

  const html = readFileSync(last.report!, "utf8")
  const parts = ["block diffusion, next-token shift kept", "twemoji", "<svg", "data:image/png"]
  expect(parts.filter((part) => !html.includes(part))).toEqual([])
  expect(/<script[^>]+src=|<link[^>]+href=|url\(http/.test(html)).toBe(false)

  for (const name of ["autoregressive", "diffusion-next"]) {
    const model = join(main, name, "model")
    expect(readFileSync(join(model, "README.md"), "utf8")).toMatch(
      /CC[ -]BY[\s\S]*\| a vendor never seen in training \|/,
    )
    const { paradigm, generation } = await openModel(model)
    expect([paradigm.name, generation.values]).toMatchObject(
      name === "autoregressive"
        ? ["autoregressive", {}]
        : ["block-diffusion", { remasking_strategy: "sequential_dynamic", confidence_threshold: 0.9 }],
    )
  }

  const before = statSync(join(main, "evaluation")).mtimeMs
  const again = await run()
  expect(again.shown.filter((line) => / step| done$/.test(line))).toEqual([])
  expect(statSync(join(main, "evaluation")).mtimeMs).toBe(before)
  expect(existsSync(join(main, "report.html"))).toBe(true)
})

it("writes to its own folder only", async () => {
  const folder = join(root, "training")
  mkdirSync(join(folder, "checkpoint-2"), { recursive: true })
  writeFileSync(join(folder, ".hidden"), "")
  writeFileSync(join(folder, "metrics.jsonl"), "")
  const refusal = /the folder has other files, such as checkpoint-2: it is not a demo's/
  await expect(run(undefined, { folder })).rejects.toThrow(refusal)
  writeFileSync(join(folder, "recipe.json"), '{"flour": 500}')
  await expect(run(undefined, { folder })).rejects.toThrow(refusal)
  expect(readdirSync(folder).sort()).toEqual([".hidden", "checkpoint-2", "metrics.jsonl", "recipe.json"])
  writeFileSync(join(folder, "recipe.json"), JSON.stringify({ stages: {}, evaluation: {} }))
  await expect(run(undefined, { folder })).rejects.toThrow(/started with another recipe/)
  const empty = join(root, "empty")
  mkdirSync(empty)
  writeFileSync(join(empty, ".DS_Store"), "")
  expect((await run("data", { folder: empty })).shown).toContain("data")
})

it("translates a model that exists; budgets are steps, so the same seed gives the same weights", async () => {
  const start = join(main, "autoregressive", "model")
  const recipe = demoSchema.parse({
    ...scratch,
    start,
    stages: { ...scratch.stages, diffusion: { ...scratch.stages.diffusion, shifts: ["next"] } },
  })
  const weights: Buffer[] = []
  for (const name of ["once", "again"]) {
    const folder = join(root, name)
    const { shown, finished } = await run(undefined, { folder, recipe })
    expect(finished).toBe(true)
    expect(shown.find((line) => line.startsWith("forecast"))).toMatch(/^forecast of diffusion-next 6, control 6, ev/)
    expect(existsSync(join(folder, "autoregressive"))).toBe(false)
    weights.push(readFileSync(join(folder, "diffusion-next", "model", "model.safetensors")))
  }
  expect(weights[0].equals(weights[1])).toBe(true)
  // The same stage of the other run started from the same model, with the same samples.
  expect(readFileSync(join(main, "diffusion-next", "model", "model.safetensors")).equals(weights[0])).toBe(true)
})
