import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { openModel } from "../generate/session.js"
import { demoSchema } from "./recipe.js"
import { type DemoObserver, runDemo } from "./run.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-demo-"))
afterAll(() => rmSync(folder, { recursive: true }))

const mixture = [{ until: 1, tasks: { name: 1, choose: 0.5, describe: 0.5 } }]
const recipe = demoSchema.parse({
  data: { concepts: 6, size: 56 },
  tokenizer: { vocabulary: 320 },
  model: {
    vision: { width: 16, depth: 1, heads: 2, mlp: 16 },
    text: { width: 16, depth: 1, heads: 2, kv_heads: 1, mlp: 16 },
  },
  training: { batch: 4, augment: { flip: 0.5, overlay: 0.5 }, save_every: 5 },
  stages: {
    autoregressive: { minutes: 0.04, learning_rate: 1e-3, mixture },
    diffusion: {
      minutes: 0.02,
      learning_rate: 1e-3,
      mixture,
      tunable: ["language"],
      block_diffusion: { block_size: 4 },
    },
  },
  evaluation: { questions: 2, sweep_questions: 1, block_sizes: [1, 4], steps: [2], thresholds: [0.5] },
})

/** Runs the demo, and stops it at the first thing it shows that begins so. */
async function run(stopAt?: string): Promise<{ shown: string[]; finished: boolean; report?: string }> {
  const controller = new AbortController()
  const shown: string[] = []
  const show = (what: string): void => {
    shown.push(what)
    if (stopAt && what.startsWith(stopAt)) controller.abort(new DOMException("stop", "AbortError"))
  }
  const observer: DemoObserver = {
    data: () => show("data"),
    training: ({ name }, event) => show(`${name} ${event.type}`),
    evaluation: (done, total) => show(`evaluation ${done} of ${total}`),
    note: (line) => show(line),
  }
  const result = await runDemo({ recipe, setting: "test", folder, signal: controller.signal, observer }).catch(
    (error) => {
      if (controller.signal.aborted) return undefined
      throw error
    },
  )
  return { shown, finished: result !== undefined, report: result?.report }
}

it("ends with a report and models with cards, however often it was stopped", async () => {
  const stops = ["data", "autoregressive step", "control step", "diffusion-same step", "evaluation 9 of"]
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
  expect(last.shown).toContain("autoregressive, from scratch · trained before")

  const html = readFileSync(last.report!, "utf8")
  const parts = ["block diffusion, next-token shift kept", "twemoji", "<svg", "data:image/png"]
  expect(parts.filter((part) => !html.includes(part))).toEqual([])
  expect(/<script[^>]+src=|<link[^>]+href=|url\(http/.test(html)).toBe(false)

  for (const name of ["autoregressive", "diffusion-next"]) {
    const model = join(folder, name, "model")
    expect(readFileSync(join(model, "README.md"), "utf8")).toMatch(
      /CC[ -]BY[\s\S]*\| a vendor never seen in training \|/,
    )
    const { paradigm, remasking } = await openModel(model)
    expect({ paradigm, remasking }).toEqual(
      name === "autoregressive"
        ? { paradigm: "autoregressive" }
        : { paradigm: "block-diffusion", remasking: { strategy: "sequential_dynamic", threshold: 0.9 } },
    )
  }

  const before = statSync(join(folder, "evaluation")).mtimeMs
  const again = await run()
  expect(again.shown.filter((line) => / step| done$/.test(line))).toEqual([])
  expect(statSync(join(folder, "evaluation")).mtimeMs).toBe(before)
  expect(existsSync(join(folder, "report.html"))).toBe(true)
})
