/** What a training learns, and of what. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { digestsOf, lossesOf, run, weightsOf } from "../../test/support/run-training.js"
import { type Trainings, trainingsIn } from "../../test/support/trainings.js"
import { withVocabulary } from "../checkpoint/config.js"
import { loadModel } from "../models/load.js"
import { saveModel } from "../models/save.js"
import { Tokenizer } from "../text/tokenizer/tokenizer.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-train-"))
let small: Trainings["small"]
let recipe: Trainings["recipe"]
beforeAll(async () => {
  ;({ small, recipe } = await trainingsIn(folder))
})
afterAll(() => rmSync(folder, { recursive: true }))

it("learns: both paradigms, with the modality sampler", async () => {
  for (const paradigm of ["autoregressive", "block-diffusion"]) {
    const config = recipe({
      paradigm,
      data: { sampler: "modality-length" },
      train: { max_steps: 60, accumulate: 1, micro_batch_size: 4, log_every: 1 },
    })
    await run(config)
    const losses = lossesOf(config).map(([, loss]) => loss)
    const mean = (values: number[]): number => values.reduce((a, b) => a + b) / values.length
    expect(mean(losses.slice(-10))).toBeLessThan(0.6 * mean(losses.slice(0, 5)))
  }
})

it("leaves frozen parts as they are and trains the others", async () => {
  const config = recipe({ train: { tunable: ["language"], max_steps: 2 } })
  await run(config)
  const tensors = weightsOf(config)
  const before = digestsOf(small.model)
  const vision = [...tensors.keys()].filter((name) => name.includes("vision_tower") || name.includes("mm_projector"))
  expect(vision.length).toBeGreaterThan(5)
  const source = (name: string): string =>
    name.replace("model.vision_tower.vision_tower.", "visual.").replace("model.mm_projector.merger.", "visual.merger.")
  for (const name of vision) expect(tensors.get(name), name).toBe(before.get(source(name)))
  const text = [...tensors.keys()].filter((name) => name.startsWith("model.layers."))
  expect(text.length).toBeGreaterThan(5)
  expect(text.filter((name) => tensors.get(name) === before.get(name))).toEqual([])
})

it("keeps added tokens of trusted records, and learns them as text of others", async () => {
  const file = join(folder, "tokens.json")
  const records = [
    {
      conversations: [
        { from: "human", value: "hi" },
        { from: "gpt", value: "<|vision_end|>" },
      ],
    },
  ]
  writeFileSync(file, JSON.stringify(records))
  const rowsOf = async (trusted: boolean): Promise<number[]> => {
    const config = recipe({ paradigm: "autoregressive", data: { file, trusted }, train: { max_steps: 1 } })
    const [, step] = await run(config)
    return step.type === "step" ? [step.metrics.tokens] : []
  }
  const tokenizer = Tokenizer.load(small.model)
  const characters = tokenizer.encode("<|vision_end|>").length
  expect(characters).toBeGreaterThan(1)
  // Four samples of a step, each with the answer and its end mark.
  expect(await rowsOf(true)).toEqual([2 * 2 * 2])
  expect(await rowsOf(false)).toEqual([2 * 2 * (characters + 1)])
})

it("trains the projector alone, also where a batch has nothing for it to learn", async () => {
  const config = recipe({ train: { tunable: ["projector"], max_steps: 8, micro_batch_size: 1, accumulate: 1 } })
  expect((await run(config)).at(-1)).toMatchObject({ type: "done" })
})

it("gives a model whose every token is text a mask of its own: embedding and head grow", async () => {
  const full = join(folder, "full")
  const { model, checkpoint } = loadModel(small.model, { dtype: "float32", device: "cpu" })
  const tokenizer = Tokenizer.load(small.model)
  let rows = checkpoint.config.text.vocabSize
  while (tokenizer.token(rows - 1) === undefined) rows--
  const { mask: _, ...tokens } = checkpoint.config.tokens
  const config = { ...withVocabulary(checkpoint.config, rows), tokens, raw: {} }
  const parameters = new Map(model.parameters())
  parameters.set("model.embed_tokens.weight", parameters.get("model.embed_tokens.weight")!.narrow(0, 0, rows).clone())
  await saveModel(full, { config, parameters, filesFrom: small.model })
  const starting = { ...recipe({ train: { max_steps: 2 } }), model: full }
  await run(starting)
  for (const name of ["model", "checkpoint-2"]) {
    const trained = loadModel(join(starting.output, name), { dtype: "float32", device: "cpu" })
    expect([trained.model.config.tokens.mask, trained.model.vocabSize], name).toEqual([rows, rows + 1])
  }
})
