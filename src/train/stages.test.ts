/** From a language model to one that sees: parts, connector, stages; stopped anywhere, gone on with, asked. */

import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { describe, expect, it } from "vitest"
import { imagePath } from "../../test/support/images.js"
import { digestsOf, lossesOf } from "../../test/support/run-training.js"
import {
  connectorStage,
  diffusion,
  type Keys,
  modelOf,
  runStages,
  SmallStages,
  wholeStage,
} from "../../test/support/small-stages.js"
import { openTensors, readHeader } from "../checkpoint/safetensors/safetensors.js"
import { generateText } from "../generate/generate.js"
import { loadSession } from "../generate/session.js"
import { readConfig } from "../models/read-config.js"
import { convert } from "../paradigms/convert.js"
import { imagePrompt } from "../text/conversation.js"
import { renderTrainingReport } from "./report.js"
import type { PlanEvent } from "./run/run-plan.js"

const parts = SmallStages.forTests()

const kinds = (events: PlanEvent[]): string[] => events.map(({ type }) => type).filter((type) => type !== "step")

describe.each<[name: string, keys: () => Keys]>([
  [
    "autoregressive, then block diffusion",
    () => ({
      stages: [
        { ...connectorStage, paradigm: "autoregressive" },
        { ...wholeStage, ...diffusion },
      ],
    }),
  ],
  [
    "autoregressive, a custom tower, a connector of one layer",
    () => ({ paradigm: "autoregressive", vision: { tower: parts.towers.conv, connector: "linear" } }),
  ],
  [
    "full diffusion from captions, then conversations with pixel shuffle",
    () => ({
      paradigm: "full-diffusion",
      vision: { tower: parts.towers.siglip, connector: "pixel_shuffle" },
      stages: [{ ...connectorStage, data: { format: "captions", file: parts.captions } }, wholeStage],
    }),
  ],
  [
    "the authors' form: whole pictures, then tiles and block diffusion",
    () => ({
      model: parts.qwen2,
      vision: { tower: parts.towers.siglip, layout: "authors" },
      stages: [
        { ...connectorStage, paradigm: "autoregressive" },
        { ...wholeStage, ...diffusion, vision: { anyres: 2 } },
      ],
    }),
  ],
  [
    "whole pictures, then tiles with adapters",
    () => ({
      paradigm: "autoregressive",
      stages: [connectorStage, { ...wholeStage, vision: { anyres: 2 }, lora: { rank: 2, target: ["q_proj"] } }],
    }),
  ],
])("%s", (_, keys) => {
  it("goes on bit for bit wherever it was stopped, and answers", async () => {
    const [whole, stopped] = [parts.plan(keys()), parts.plan(keys())]
    const events = await runStages(whole)
    expect(kinds(events)).toEqual(["stage", "start", "done", "stage", "start", "done", "finished"])
    expect(events.at(-1)).toMatchObject({ type: "finished", model: modelOf(whole, 2) })

    // In the first stage, then in the second.
    expect((await runStages(stopped, 1)).at(-1)).toMatchObject({ type: "interrupted", step: 1 })
    expect(existsSync(join(stopped.output, "stage-2"))).toBe(false)
    const again = await runStages(stopped, 3)
    expect(again.filter(({ type }) => type === "start")).toMatchObject([{ step: 1 }, { step: 0 }])
    expect(again.at(-1)).toMatchObject({ type: "interrupted", step: 1 })
    const last = await runStages(stopped)
    expect(last.filter(({ type }) => type === "start")).toMatchObject([{ step: 3 }, { step: 1 }])
    for (const [i, { config }] of whole.stages.entries())
      expect(lossesOf(stopped.stages[i].config)).toEqual(lossesOf(config))
    const weights = readdirSync(modelOf(whole, 2)).filter((name) => name.endsWith(".safetensors"))
    for (const name of weights)
      expect(readFileSync(join(modelOf(stopped, 2), name)).equals(readFileSync(join(modelOf(whole, 2), name)))).toBe(
        true,
      )

    // The first stage left its connector alone, and it has learned.
    const first = readdirSync(modelOf(whole, 1)).filter((name) => name.endsWith(".safetensors"))
    expect(first).toEqual(["connector.safetensors"])
    const [start, end] = [join(whole.stages[0].config.output, "start"), modelOf(whole, 1)].map((place) =>
      readFileSync(join(place, "connector.safetensors")),
    )
    expect(start.equals(end)).toBe(false)

    for (const stage of [1, 2]) {
      const session = loadSession(modelOf(whole, stage), { dtype: "float32" })
      const images = [readFileSync(imagePath("rgb.png"))]
      const messages = [{ role: "user" as const, content: imagePrompt(1, "What colour is this?") }]
      const { text, stats } = await generateText(session, { messages, images, maxTokens: 8 })
      expect(stats.promptTokens).toBeGreaterThan(10)
      expect(typeof text).toBe("string")
    }
  })
})

it("leaves a finished stage alone as long as its model is whole", async () => {
  const tried = parts.plan({ paradigm: "autoregressive" })
  const starts = (events: PlanEvent[]) => events.filter(({ type }) => type === "start")
  const [first] = starts(await runStages(tried, 4))
  const places = [join(tried.stages[0].config.output, "start"), modelOf(tried, 1)]
  const files = places.map((place) => join(place, "connector.safetensors"))
  const written = (): number[] => files.map((path) => statSync(path).mtimeMs)
  const long = new Date("2001-01-01")
  for (const path of files) utimesSync(path, long, long)
  const again = await runStages(tried, 1)
  expect(written()).toEqual(files.map(() => long.getTime()))
  // The report needs to know what was learned.
  expect(starts(again)[0]).toEqual({ ...first, step: 3 })
  const bytes = readFileSync(files[1])
  writeFileSync(files[1], bytes.fill(0, bytes.length - 4))
  await runStages(tried)
  expect(readFileSync(files[1]).equals(bytes)).toBe(false)
  for (const time of written()) expect(time).toBeGreaterThan(long.getTime())
})

it("writes one report: stages, what was learned, losses, times", async () => {
  const tried = parts.plan({})
  const events = await runStages(tried)
  const finished = events.at(-1) as Extract<PlanEvent, { type: "finished" }>
  const page = renderTrainingReport(tried, finished.stages)
  expect(page).toContain(`<h1>${basename(parts.text.folder)} with siglip as a block-diffusion model</h1>`)
  expect(page).toMatch(/stage 1, connector.*block-diffusion.*stage 2, all.*vision, connector, language/s)
  expect(page.match(/<figure class="chart">/g)).toHaveLength(8)
  // Folded, and of the paradigms only the one that is trained.
  expect(page.match(/<details>/g)).toHaveLength(2)
  expect(page.match(/\nblock_diffusion:/g)).toHaveLength(2)
  expect(page).not.toMatch(/full_diffusion|lora: \{\}|loss: \{\}/)
  const connector = [...readHeader(join(modelOf(tried, 1), "connector.safetensors")).tensors.values()]
  expect(finished.stages[0].parameters).toBe(connector.reduce((sum, { bytes }) => sum + bytes / 4, 0))
})

it("leaves language model and tower as they are in the first stage, and their folder is small", async () => {
  const tried = parts.plan({ stages: [connectorStage] })
  await runStages(tried)
  const whole = join(parts.folder, "made whole")
  await convert(modelOf(tried, 1), whole, { paradigm: "autoregressive" })
  expect(existsSync(join(whole, "parts.json"))).toBe(false)
  const [now, before] = [digestsOf(whole), digestsOf(parts.text.folder)]
  for (const [name, digest] of before) {
    if (!/embed_tokens|lm_head/.test(name)) expect(now.get(`language_model.${name}`), name).toBe(digest)
  }
  const bytes = (place: string): number =>
    readdirSync(place)
      .filter((name) => name.endsWith(".safetensors"))
      .reduce((sum, name) => sum + statSync(join(place, name)).size, 0)
  expect(bytes(modelOf(tried, 1))).toBeLessThan(bytes(whole) / 4)
  expect(readConfig(whole).family).toBe("llava")
  expect(openTensors(whole).has("multi_modal_projector.linear_1.weight")).toBe(true)
})
