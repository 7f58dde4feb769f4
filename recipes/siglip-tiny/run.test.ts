/** A tower of SigLIP's architecture is trained, stopped and gone on with, and opens as published ones do. */

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { randomFrom } from "../../src/data/prng.js"
import { readTower } from "../../src/models/towers/folder.js"
import { readRecipe } from "../../src/train/recipe/config.js"
import type { Observer } from "../shared/run.js"
import { type Concept, varied } from "./data.js"
import { newWeights, siglipOf, towerConfigOf } from "./model.js"
import { retrieve } from "./retrieval.js"
import { run } from "./run.js"
import { type Settings, settingsSchema } from "./settings.js"
import { piecesOf, vocabularyOf } from "./text.js"
import { trainSiglip } from "./training.js"

const root = mkdtempSync(join(tmpdir(), "siglip-tiny-"))
afterAll(() => rmSync(root, { recursive: true }))

const settings: Settings = settingsSchema.parse({
  data: { size: 24, concepts: 12, held_out_concepts: 0.3 },
  tower: { hidden_size: 24, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 2, patch_size: 8 },
  text: { width: 16 },
  steps: 6,
  batch: 4,
  learning_rate: 3e-3,
  save_every: 2,
})
const quiet: Observer = { progress: () => {}, note: () => {} }

it("is stopped, goes on to the same weights, and ends with a tower and a report", async () => {
  const start = (name: string, observer = quiet, signal?: AbortSignal) =>
    run({ settings, folder: join(root, name), command: "again", given: {}, train: [], observer, signal })
  const controller = new AbortController()
  let seen = 0
  const stopping: Observer = {
    ...quiet,
    progress: (part) => {
      if (part === "training" && ++seen === 3) controller.abort()
    },
  }
  expect(await start("stopped", stopping, controller.signal)).toBeUndefined()
  expect(existsSync(join(root, "stopped/tower"))).toBe(false)
  const [reports] = [await start("stopped"), await start("whole")]
  const weights = (name: string): Buffer => readFileSync(join(root, name, "tower/model.safetensors"))
  expect(weights("stopped").equals(weights("whole"))).toBe(true)
  const log = (name: string): string => readFileSync(join(root, name, "metrics.jsonl"), "utf8")
  expect(log("stopped")).toBe(log("whole"))
  expect(log("whole").trim().split("\n")).toHaveLength(6)

  const { config, tensors } = readTower(join(root, "whole/tower"))
  expect(config).toMatchObject({ family: "siglip", grid: [3, 3], hiddenSize: 24, tileSize: 24 })
  expect([...tensors.keys()]).toContain("vision_model.head.probe")
  const markdown = readFileSync(reports!.markdown, "utf8")
  expect(markdown).toContain("## Zero-shot retrieval")
  expect(markdown).not.toContain("NaN")
  const { mtimeMs } = statSync(join(root, "whole/checkpoint/model.safetensors"))
  await start("whole")
  expect(statSync(join(root, "whole/checkpoint/model.safetensors")).mtimeMs).toBe(mtimeMs)
  const options = { folder: join(root, "whole"), command: "", given: {}, train: [], observer: quiet }
  const other = run({ ...options, settings: { ...settings, seed: 5 } })
  await expect(other).rejects.toThrow(/started with other settings/)
})

/** Pictures of one colour each. */
const coloured: Concept[] = ["red", "green", "blue", "white"].map((name, i) => {
  const pixels = Float32Array.from({ length: 3 * 24 * 24 }, (_, at) =>
    i === 3 || Math.floor(at / (24 * 24)) === i ? 1 : -1,
  )
  return { name, texts: [name], drawings: [{ pixels, mayFlip: true }] }
})

it("learns which name belongs to which picture, from the loss of the paper", async () => {
  const parts = {
    config: towerConfigOf(settings),
    vocabulary: vocabularyOf(coloured.map(({ name }) => name)),
    width: 16,
  }
  const weights = newWeights(parts, 1)
  const model = siglipOf(parts, weights)
  const pixels = coloured.map(({ drawings }) => drawings[0].pixels)
  const names = coloured.map(({ name }) => name)
  // −1/B Σ log σ(± (t x·y + b)) by hand.
  const [x, y] = [model.pictures(pixels), model.texts(names)].map((each) => each.toNumbers())
  const width = x.length / 4
  let expected = 0
  for (let i = 0; i < 4; i++)
    for (let j = 0; j < 4; j++) {
      let product = 0
      for (let c = 0; c < width; c++) product += x[i * width + c] * y[j * width + c]
      expected += Math.log1p(Math.exp((i === j ? -1 : 1) * (10 * product - 10))) / 4
    }
  expect(model.loss(pixels, names).item()).toBeCloseTo(expected, 4)
  for (let i = 0; i < 4; i++) expect(Math.hypot(...x.slice(i * width, (i + 1) * width))).toBeCloseTo(1, 4)

  const folder = join(root, "colours")
  const losses: number[] = []
  await trainSiglip({
    settings: { ...settings, steps: 60, learning_rate: 1e-2, save_every: 100 },
    folder,
    model,
    weights,
    concepts: coloured,
    onStep: ({ loss }) => losses.push(loss),
  })
  expect(losses[losses.length - 1]).toBeLessThan(losses[0] / 2)
  expect(retrieve(model, coloured)).toEqual({
    things: 4,
    names: { first: 1, five: 1 },
    drawings: { first: 1, five: 1 },
  })
})

it("knows something of words it has not seen, and moves and mirrors pictures", () => {
  expect(piecesOf("Hot-dog")).toEqual(["hot", "~<ho", "~hot", "~ot>", "dog", "~<do", "~dog", "~og>"])
  const vocabulary = vocabularyOf(["hotel"])
  expect(piecesOf("hotels").filter((piece) => vocabulary.has(piece))).toEqual(["~<ho", "~hot", "~ote", "~tel"])
  const marked = { pixels: new Float32Array(3 * 64).fill(0), mayFlip: true }
  marked.pixels[8 * 3 + 2] = 0.5
  const places = new Set<number>()
  for (let i = 0; i < 200; i++) places.add(varied(marked, 8, randomFrom(i)).indexOf(0.5))
  // Moved by −1, 0 or 1 each way from (2, 3), or from (5, 3) in the mirror.
  expect(places.size).toBe(18)
  expect([...places].every((at) => at >= 0 && at < 64)).toBe(true)
})

it("ships settings that fit its schema", () => {
  const shipped = readRecipe(settingsSchema, join(import.meta.dirname, "recipe.yaml"))
  expect(towerConfigOf(shipped)).toMatchObject({ grid: [8, 8], hiddenSize: 192 })
})
