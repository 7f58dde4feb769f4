/** From a language model to one that sees: parts, connector, stages; stopped anywhere, gone on with, asked and refused. */

import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { stringify } from "yaml"
import { imagePath } from "../../test/support/images.js"
import { digestsOf, lossesOf } from "../../test/support/run-training.js"
import { SMALL_FAMILIES } from "../../test/support/small-families.js"
import { type SmallTextModel, writeSmallLanguage, writeSmallTextModel } from "../../test/support/small-text-model.js"
import { writeSmallTower } from "../../test/support/small-towers.js"
import { type SmallData, writeSmallVlm } from "../../test/support/small-vlm.js"
import { openTensors, readHeader } from "../checkpoint/safetensors.js"
import { bytesOf } from "../checkpoint/tensor-view.js"
import { generateText } from "../generate/generate.js"
import { loadSession } from "../generate/session.js"
import { readConfig } from "../models/read-config.js"
import { convert } from "../paradigms/convert.js"
import { merge } from "../paradigms/merge.js"
import { imagePrompt } from "../text/conversation.js"
import { setThreads } from "../torch/index.js"
import { readTrainingPlan, readTrainingRecipe, type TrainingPlan } from "./plan.js"
import { renderTrainingReport } from "./report.js"
import { type PlanEvent, runPlan } from "./run-plan.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-stages-"))
let small: SmallData
let text: SmallTextModel
const towers = {} as Record<"siglip" | "conv", string>
let qwen2: string
let outputs = 0
/** The records that have a picture. */
const captions = join(folder, "captions.json")
beforeAll(async () => {
  setThreads(1)
  small = await writeSmallVlm(folder)
  const records = JSON.parse(readFileSync(small.data, "utf8")).filter(({ image }: { image?: string }) => image)
  writeFileSync(captions, JSON.stringify(records))
  text = await writeSmallTextModel(join(folder, "text"))
  const json = { ...SMALL_FAMILIES.qwen2, use_sliding_window: false, eos_token_id: text.end, mask_token_id: undefined }
  qwen2 = await writeSmallLanguage(join(folder, "qwen2"), text, { ...json, max_position_embeddings: 1024 })
  for (const kind of ["siglip", "conv"] as const) towers[kind] = await writeSmallTower(join(folder, kind), kind)
})
afterAll(() => rmSync(folder, { recursive: true }))

type Keys = Record<string, unknown>
const connectorStage: Keys = { name: "connector", train: { tunable: ["projector"], learning_rate: 0.02, max_steps: 3 } }
const wholeStage: Keys = { name: "all", train: { max_steps: 3 } }

function file(keys: Keys): string {
  const path = join(folder, `recipe-${outputs}.yaml`)
  const train = { learning_rate: 0.005, micro_batch_size: 2, dtype: "float32", save_every: 100 }
  writeFileSync(
    path,
    stringify({
      model: text.folder,
      vision: { tower: towers.siglip },
      output: join(folder, `run-${outputs++}`),
      data: { file: small.data, sampler: "shuffle" },
      train,
      stages: [connectorStage, wholeStage],
      ...keys,
    }),
  )
  return path
}
const plan = (keys: Keys, overrides?: string[]): TrainingPlan => readTrainingPlan(file(keys), overrides)

/** Runs a plan; with `stopAfter`, until that many steps are logged, then as Ctrl-C does. */
async function run(plan: TrainingPlan, stopAfter = Number.POSITIVE_INFINITY): Promise<PlanEvent[]> {
  const events: PlanEvent[] = []
  const controller = new AbortController()
  for await (const event of runPlan(plan, { signal: controller.signal })) {
    events.push(event)
    if (events.filter(({ type }) => type === "step").length >= stopAfter) controller.abort()
  }
  return events
}
const kinds = (events: PlanEvent[]): string[] => events.map(({ type }) => type).filter((type) => type !== "step")
const model = (plan: TrainingPlan, stage: number): string => join(plan.output, `stage-${stage}`, "model")

const diffusion = { paradigm: "block-diffusion", block_diffusion: { block_size: 4 } }
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
    () => ({ paradigm: "autoregressive", vision: { tower: towers.conv, connector: "linear" } }),
  ],
  [
    "full diffusion from captions, then conversations with pixel shuffle",
    () => ({
      paradigm: "full-diffusion",
      vision: { tower: towers.siglip, connector: "pixel_shuffle" },
      stages: [{ ...connectorStage, data: { format: "captions", file: captions } }, wholeStage],
    }),
  ],
  [
    "the authors' form: whole pictures, then tiles and block diffusion",
    () => ({
      model: qwen2,
      vision: { tower: towers.siglip, layout: "authors" },
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
    const [whole, stopped] = [plan(keys()), plan(keys())]
    const events = await run(whole)
    expect(kinds(events)).toEqual(["stage", "start", "done", "stage", "start", "done", "finished"])
    expect(events.at(-1)).toMatchObject({ type: "finished", model: model(whole, 2) })

    // In the first stage, then in the second.
    expect((await run(stopped, 1)).at(-1)).toMatchObject({ type: "interrupted", step: 1 })
    expect(existsSync(join(stopped.output, "stage-2"))).toBe(false)
    const again = await run(stopped, 3)
    expect(again.filter(({ type }) => type === "start")).toMatchObject([{ step: 1 }, { step: 0 }])
    expect(again.at(-1)).toMatchObject({ type: "interrupted", step: 1 })
    const last = await run(stopped)
    expect(last.filter(({ type }) => type === "start")).toMatchObject([{ step: 3 }, { step: 1 }])
    for (const [i, { config }] of whole.stages.entries())
      expect(lossesOf(stopped.stages[i].config)).toEqual(lossesOf(config))
    const weights = readdirSync(model(whole, 2)).filter((name) => name.endsWith(".safetensors"))
    for (const name of weights)
      expect(readFileSync(join(model(stopped, 2), name)).equals(readFileSync(join(model(whole, 2), name)))).toBe(true)

    // The first stage left its connector alone, and it has learned.
    const first = readdirSync(model(whole, 1)).filter((name) => name.endsWith(".safetensors"))
    expect(first).toEqual(["connector.safetensors"])
    const [start, end] = [join(whole.stages[0].config.output, "start"), model(whole, 1)].map((place) =>
      readFileSync(join(place, "connector.safetensors")),
    )
    expect(start.equals(end)).toBe(false)

    for (const stage of [1, 2]) {
      const session = loadSession(model(whole, stage), { dtype: "float32" })
      const images = [readFileSync(imagePath("rgb.png"))]
      const messages = [{ role: "user" as const, content: imagePrompt(1, "What colour is this?") }]
      const { text, stats } = await generateText(session, { messages, images, maxTokens: 8 })
      expect(stats.promptTokens).toBeGreaterThan(10)
      expect(typeof text).toBe("string")
    }
  })
})

it("merges what the last stage learned beside the parts into a whole model", async () => {
  const lora = { rank: 2, target: ["q_proj"] }
  const tried = plan({ paradigm: "autoregressive", stages: [connectorStage, { ...wholeStage, lora }] })
  await run(tried)
  const whole = join(folder, "merged")
  await merge(model(tried, 2), whole)
  const [now, before] = [digestsOf(whole), digestsOf(text.folder)]
  const changed = [...before].filter(([name, digest]) => now.get(`language_model.${name}`) !== digest)
  expect(changed.map(([name]) => name.replace(/\d+/, "N"))).toContain("model.layers.N.self_attn.q_proj.weight")
  expect(changed.length).toBeLessThan(before.size / 2)
  expect(existsSync(join(whole, "parts.json"))).toBe(false)
})

describe("adapters beside a new connector", () => {
  const lora = { rank: 2, target: ["q_proj"] }
  const bytesIn = (...path: string[]): Map<string, string> =>
    new Map([...readHeader(join(...path)).tensors].map(([name, view]) => [name, bytesOf(view).join()]))
  const linears = [1, 2].flatMap((i) =>
    ["bias", "weight"].map((kind) => `model.multi_modal_projector.linear_${i}.${kind}`),
  )

  it.each([
    ["in a training of its own", { stages: undefined, lora }, linears],
    ["with tiles", { stages: undefined, lora, vision: "tiles" }, ["model.image_newline", ...linears]],
    [
      "tiles alone are new",
      { stages: [connectorStage, { ...wholeStage, vision: { anyres: 2 }, lora }] },
      ["model.image_newline"],
    ],
  ])("learn it whole: %s", async (_, keys, want) => {
    const anyres = "vision" in keys ? { vision: { tower: towers.siglip, anyres: 2 } } : {}
    const tried = plan({
      paradigm: "autoregressive",
      ...keys,
      ...anyres,
      train: { learning_rate: 0.005, max_steps: 2, dtype: "float32", micro_batch_size: 2 },
    })
    await run(tried)
    const { output } = tried.stages.at(-1)!.config
    const made = new Set(bytesIn(output, "start", "connector.safetensors").values())
    const learned = bytesIn(output, "model", "adapter_model.safetensors")
    const names = [...learned.keys()].filter((name) => !name.includes("lora_"))
    expect(names.map((name) => name.replace(/^base_model\.model\./, "")).sort()).toEqual(want)
    expect(names.filter((name) => made.has(learned.get(name)!))).toEqual([])
    const session = loadSession(join(output, "model"), { dtype: "float32" })
    const images = [readFileSync(imagePath("rgb.png"))]
    const messages = [{ role: "user" as const, content: imagePrompt(1, "What colour is this?") }]
    expect(typeof (await generateText(session, { messages, images, maxTokens: 4 })).text).toBe("string")
  })
})

it("leaves a finished stage alone as long as its model is whole", async () => {
  const tried = plan({ paradigm: "autoregressive" })
  const starts = (events: PlanEvent[]) => events.filter(({ type }) => type === "start")
  const [first] = starts(await run(tried, 4))
  const places = [join(tried.stages[0].config.output, "start"), model(tried, 1)]
  const files = places.map((place) => join(place, "connector.safetensors"))
  const written = (): number[] => files.map((path) => statSync(path).mtimeMs)
  const long = new Date("2001-01-01")
  for (const path of files) utimesSync(path, long, long)
  const again = await run(tried, 1)
  expect(written()).toEqual(files.map(() => long.getTime()))
  // The report needs to know what was learned.
  expect(starts(again)[0]).toEqual({ ...first, step: 3 })
  const bytes = readFileSync(files[1])
  writeFileSync(files[1], bytes.fill(0, bytes.length - 4))
  await run(tried)
  expect(readFileSync(files[1]).equals(bytes)).toBe(false)
  for (const time of written()) expect(time).toBeGreaterThan(long.getTime())
})

it("writes one report: stages, what was learned, losses, times", async () => {
  const tried = plan({})
  const events = await run(tried)
  const finished = events.at(-1) as Extract<PlanEvent, { type: "finished" }>
  const page = renderTrainingReport(tried, finished.stages)
  expect(page).toContain(`<h1>${basename(text.folder)} with siglip as a block-diffusion model</h1>`)
  expect(page).toMatch(/stage 1, connector.*block-diffusion.*stage 2, all.*vision, connector, language/s)
  expect(page.match(/<figure class="chart">/g)).toHaveLength(8)
  // Folded, and of the paradigms only the one that is trained.
  expect(page.match(/<details>/g)).toHaveLength(2)
  expect(page.match(/\nblock_diffusion:/g)).toHaveLength(2)
  expect(page).not.toMatch(/full_diffusion|lora: \{\}|loss: \{\}/)
  const connector = [...readHeader(join(model(tried, 1), "connector.safetensors")).tensors.values()]
  expect(finished.stages[0].parameters).toBe(connector.reduce((sum, { bytes }) => sum + bytes / 4, 0))
})

it("leaves language model and tower as they are in the first stage, and their folder is small", async () => {
  const tried = plan({ stages: [connectorStage] })
  await run(tried)
  const whole = join(folder, "made whole")
  await convert(model(tried, 1), whole, { paradigm: "autoregressive" })
  expect(existsSync(join(whole, "parts.json"))).toBe(false)
  const [now, before] = [digestsOf(whole), digestsOf(text.folder)]
  for (const [name, digest] of before) {
    if (!/embed_tokens|lm_head/.test(name)) expect(now.get(`language_model.${name}`), name).toBe(digest)
  }
  const bytes = (place: string): number =>
    readdirSync(place)
      .filter((name) => name.endsWith(".safetensors"))
      .reduce((sum, name) => sum + statSync(join(place, name)).size, 0)
  expect(bytes(model(tried, 1))).toBeLessThan(bytes(whole) / 4)
  expect(readConfig(whole).family).toBe("llava")
  expect(openTensors(whole).has("multi_modal_projector.linear_1.weight")).toBe(true)
})

it("takes a recipe without stages as it always did, and one that adds a tower", () => {
  const { stages, isStaged, output } = plan({ stages: undefined })
  expect([stages.length, isStaged, stages[0].config.output]).toEqual([1, false, output])
  expect(readTrainingRecipe(file({ stages: undefined })).vision).toMatchObject({ connector: "mlp2x_gelu" })
  expect(() => readTrainingRecipe(file({}))).toThrow(/the recipe has 2 stages/)
})

it("puts what a stage says over the rest", () => {
  const keys = {
    lora: { rank: 4 },
    stages: [
      { ...connectorStage, lora: null, data: { file: "/elsewhere.json" } },
      { lora: { dropout: 0.5 }, train: { seed: 7 } },
    ],
  }
  expect(() => plan(keys, ["stages.2.train.seed=1"])).toThrow(/"stages\.2\.train\.seed=1" does not fit the recipe/)
  const { stages } = plan(keys, ["train.seed=3", "stages.0.train.max_steps=9"])
  expect(stages.map(({ name }) => name)).toEqual(["connector", "stage 2"])
  const [{ config: first }, { config: second }] = stages
  expect(first.lora).toBeUndefined()
  expect(first.data).toMatchObject({ file: "/elsewhere.json", sampler: "shuffle" })
  expect(first.train).toMatchObject({ tunable: ["projector"], learning_rate: 0.02, seed: 3, max_steps: 9 })
  expect(second.lora).toMatchObject({ rank: 4, dropout: 0.5 })
  expect(second.train).toMatchObject({ learning_rate: 0.005, seed: 7 })
})

describe("refuses", () => {
  const refused = (keys: Keys, sentence: RegExp): void => expect(() => plan(keys)).toThrow(sentence)

  it("keys that cannot be right, with their lines", () => {
    refused({ stages: [{ ...connectorStage, learning: 1 }] }, /line \d+: stages\.0\.learning: there is no such key/)
    refused({ stages: [{ train: { learning_rate: -1 } }] }, /line \d+: stages\.0\.train\.learning_rate: must be/)
    refused({ vision: { tower: "x", conector: "linear" } }, /line \d+: vision\.conector: there is no such key/)
    refused({ vision: { tower: "x", connector: "resampler" } }, /vision\.connector: the connector is "resampler"/)
    refused({ vision: { connector: "linear" } }, /vision\.tower: this key is missing/)
    refused({ stages: {} }, /stages: must be a list/)
    refused({ stages: [] }, /stages: must be a list/)
    refused({ stages: ["all"] }, /stages\.0: must be a section/)
    refused({ stages: [{ name: 5 }] }, /stages\.0\.name: must be a short text/)
    refused({ stages: [{ output: "x" }] }, /stages\.0\.output: this key is for all stages/)
    refused({ stages: [{ model: "x" }] }, /stages\.0\.model: this key is for all stages/)
  })

  it("stages that cannot follow one another", () => {
    refused({ lora: {} }, /stages\.0\.lora: only the last stage may learn adapters/)
    refused({ stages: [connectorStage, { vision: { connector: "linear" } }] }, /vision\.connector: it is chosen once/)
    const cut = /stages\.\d\.vision\.anyres: pictures are cut in another way than before/
    refused({ stages: [{}, { vision: { anyres: 4 } }] }, cut)
    // The second leaves a whole model, since the first did.
    refused({ stages: [wholeStage, connectorStage, { vision: { anyres: 4 } }] }, cut)
    const tiles = { ...connectorStage, vision: { anyres: 4 } }
    expect(plan({ stages: [connectorStage, tiles, { vision: { anyres: 2 } }] }).stages).toHaveLength(3)
  })

  it("a recipe that was changed, in whatever stage, and keeps what was trained", async () => {
    const keys = { paradigm: "autoregressive" }
    const tried = plan(keys)
    await run(tried)
    const change = async (overrides: string[]): Promise<unknown> => {
      const changed = readTrainingPlan(file(keys), overrides)
      return run({
        ...changed,
        stages: changed.stages.map((stage, i) => ({
          ...stage,
          config: { ...stage.config, output: tried.stages[i].config.output },
        })),
        output: tried.output,
      })
    }
    const before = digestsOf(model(tried, 2))
    await expect(change(["stages.0.train.learning_rate=0.5"])).rejects.toThrow(
      /train\.learning_rate was 0\.02 and is 0\.5/,
    )
    await expect(change(["stages.1.train.seed=5"])).rejects.toThrow(/train\.seed was 42 and is 5/)
    await expect(change(["vision.connector=linear"])).rejects.toThrow(
      /vision\.connector was "mlp2x_gelu" and is "linear"/,
    )
    await expect(change([`vision.tower=${towers.conv}`])).rejects.toThrow(/started from another model/)
    expect(digestsOf(model(tried, 2))).toEqual(before)
  })

  it("parts that do not fit, and writes nothing", async () => {
    const none = async (keys: Keys, sentence: RegExp): Promise<void> => {
      const tried = plan({ paradigm: "autoregressive", ...keys })
      await expect(run(tried)).rejects.toThrow(sentence)
      expect(existsSync(tried.output), tried.output).toBe(false)
    }
    await none({ model: small.model }, /which sees already/)
    await none({ vision: { tower: small.model } }, /it is a whole model/)
    await none({ vision: { tower: join(folder, "nowhere") } }, /there is no such vision tower/)
    await none({ vision: { tower: towers.siglip, connector: "pixel_shuffle3" } }, /tower and connector do not fit/)
    await none({ vision: { tower: towers.siglip, image_token: "<picture>" } }, /the tokenizer has no token "<picture>"/)
  })
})
