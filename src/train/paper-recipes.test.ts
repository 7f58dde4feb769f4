/** The recipes of the paper's rows, held against the authors' scripts; and the same files on models of a few thousand weights. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { SMALL_FAMILIES } from "../../test/support/small-families.js"
import { writeSmallLanguage, writeSmallTextModel } from "../../test/support/small-text-model.js"
import { writeSmallTower } from "../../test/support/small-towers.js"
import { writeSmallVlm } from "../../test/support/small-vlm.js"
import { readConfig } from "../models/read-config.js"
import { setThreads } from "../torch/index.js"
import { readTrainingPlan } from "./recipe/plan.js"
import { runPlan } from "./run/run-plan.js"

const recipes = resolve(import.meta.dirname, "../../recipes")
const paper = join(recipes, "paper")

const common = {
  weight_decay: 0,
  betas: [0.9, 0.999],
  eps: 1e-8,
  max_grad_norm: 1,
  schedule: "cosine",
  warmup_ratio: 0.03,
  epochs: 1,
  dtype: "bfloat16",
  gradient_checkpointing: true,
  seed: 42,
}
/** Their scripts: samples of a step, sampler, what is trained and how fast. */
const connector = { ...common, tunable: ["projector"], learning_rate: 1e-3 }
const everything = {
  ...common,
  tunable: ["vision", "projector", "language"],
  learning_rate: 1e-5,
  vision_learning_rate: 2e-6,
  save_every: 800,
}
const blocks = { block_size: 8, noise: "ordered", noise_range: [0.001, 1], shift: "same", weight: "1/t" }
const tower = { tower: "google/siglip2-so400m-patch14-384", connector: "mlp2x_gelu", layout: "authors" }

interface Row {
  model: string
  paradigms: string[]
  format?: string
}
const QWEN = "Qwen/Qwen2.5-7B-Instruct"
const LLADA = "GSAI-ML/LLaDA-8B-Instruct"
const ROWS: Record<string, Row> = {
  "diffusionvl-qwen2.5-7b.yaml": { model: QWEN, paradigms: ["autoregressive", "block-diffusion"] },
  "llava-qwen2.5-7b.yaml": { model: QWEN, paradigms: ["autoregressive", "autoregressive"] },
  "llada-v-8b.yaml": { model: LLADA, paradigms: ["full-diffusion", "full-diffusion"], format: "captions" },
  "llada-bd-8b.yaml": { model: LLADA, paradigms: ["full-diffusion", "block-diffusion"], format: "captions" },
}

it("there is one for each row of Table 3", () => {
  expect(
    readdirSync(paper)
      .filter((name) => name.endsWith(".yaml"))
      .sort(),
  ).toEqual(Object.keys(ROWS).sort())
  const table = readFileSync(join(paper, "README.md"), "utf8")
  for (const name of [...Object.keys(ROWS), "../qwen2.5-vl-3b.yaml", "../qwen2.5-vl-7b.yaml"])
    expect(table).toContain(`(${name})`)
})

describe.each(Object.entries(ROWS))("%s", (name, { model, paradigms, format = "chat" }) => {
  it("has the authors' settings", () => {
    const { stages } = readTrainingPlan(join(paper, name))
    const [first, second] = stages.map(({ config }) => config)
    expect(stages.map(({ config }) => config.paradigm)).toEqual(paradigms)
    expect(first).toMatchObject({ model, vision: tower, train: connector, data: { sampler: "shuffle", format } })
    expect(second).toMatchObject({ model, vision: { ...tower, anyres: 4 }, train: everything })
    expect(second.data).toMatchObject({ sampler: "modality-length", format: "chat", max_length: 8192 })
    expect(first.data.max_length).toBe(8192)
    expect(first.vision?.anyres).toBeUndefined()
    expect(first.train.vision_learning_rate ?? first.train.projector_learning_rate).toBeUndefined()
    expect([first, second].map(({ train }) => train.micro_batch_size * train.accumulate)).toEqual([128, 256])
    // One sample to a micro-batch, each of which counts as much: the default of diffusion, and said of the autoregressive baseline.
    expect(second.loss?.per).toBe(paradigms[1] === "autoregressive" ? "samples" : undefined)
    if (paradigms[1] === "block-diffusion") expect(second.block_diffusion).toMatchObject(blocks)
    if (paradigms[0] === "full-diffusion")
      expect(first.full_diffusion).toMatchObject({ noise_range: [0.001, 1], shift: "same" })
  })
})

/** LLaDA's marks instead of some of Qwen's. */
function giveMarks(file: string): void {
  const marks: Record<string, string> = {
    "<|im_start|>": "<|start_header_id|>",
    "<|vision_start|>": "<|end_header_id|>",
    "<|im_end|>": "<|eot_id|>",
    "<|vision_end|>": "<|startoftext|>",
    "<|video_pad|>": "<|mdm_mask|>",
  }
  const definition = JSON.parse(readFileSync(file, "utf8"))
  for (const token of definition.added_tokens) token.content = marks[token.content] ?? token.content
  writeFileSync(file, JSON.stringify(definition))
}

describe("on models of a few thousand weights", () => {
  const folder = mkdtempSync(join(tmpdir(), "dvl-paper-"))
  afterAll(() => rmSync(folder, { recursive: true }))
  const languages: Record<string, string> = {}
  let tower: string
  let data: string
  let captions: string
  beforeAll(async () => {
    setThreads(1)
    const words = await writeSmallTextModel(join(folder, "text"))
    const { end: eos_token_id } = words
    const json = { eos_token_id, mask_token_id: undefined, max_position_embeddings: 8192 }
    const qwen2 = { ...SMALL_FAMILIES.qwen2, ...json, use_sliding_window: false }
    languages[QWEN] = await writeSmallLanguage(join(folder, "qwen2"), words, qwen2)
    const llada = { ...SMALL_FAMILIES.llada, ...json, mask_token_id: words.vocabulary - 1 }
    languages[LLADA] = await writeSmallLanguage(join(folder, "llada"), words, llada)
    giveMarks(join(languages[LLADA], "tokenizer.json"))
    tower = await writeSmallTower(join(folder, "siglip"), "siglip")
    data = (await writeSmallVlm(folder)).data
    captions = join(folder, "captions.json")
    const records = JSON.parse(readFileSync(data, "utf8")).filter(({ image }: { image?: string }) => image)
    writeFileSync(captions, JSON.stringify(records))
  })

  it.each(Object.entries(ROWS))("%s runs through", async (name, { model, paradigms }) => {
    const output = join(folder, name)
    const short = [0, 1].flatMap((i) =>
      [`train.max_steps=1`, "train.micro_batch_size=2", "train.accumulate=1"].map((key) => `stages.${i}.${key}`),
    )
    const plan = readTrainingPlan(join(paper, name), [
      `model=${languages[model]}`,
      `vision.tower=${tower}`,
      `output=${output}`,
      "train.dtype=float32",
      `stages.0.data.file=${captions}`,
      `stages.1.data.file=${data}`,
      ...short,
    ])
    const kinds: string[] = []
    for await (const { type } of runPlan(plan)) kinds.push(type)
    expect(kinds.at(-1)).toBe("finished")
    const trained = readConfig(join(output, "stage-2", "model"))
    expect(trained).toMatchObject({
      family: model === QWEN ? "llava_qwen" : "llava_llada",
      paradigm: { name: paradigms[1] },
      vision: { merge: { type: "spatial_unpad", maxTiles: 4 } },
    })
  })
})
