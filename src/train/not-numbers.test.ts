/** Losses and weights that are not numbers: named, and never saved. */

import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { run } from "../../test/support/run-training.js"
import { type Trainings, trainingsIn } from "../../test/support/trainings.js"
import { UserError } from "../errors.js"
import { loadModel } from "../models/load.js"
import { saveModel } from "../models/save.js"
import { Tokenizer } from "../text/tokenizer/tokenizer.js"
import { noGrad } from "../torch/index.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-train-"))
let small: Trainings["small"]
let recipe: Trainings["recipe"]
beforeAll(async () => {
  ;({ small, recipe } = await trainingsIn(folder))
})
afterAll(() => rmSync(folder, { recursive: true }))

it.each([
  ["betas of 1", { betas: [1, 1] as [number, number] }, /train\.betas of \[1, 1\]/, 0],
  ["a beta of 1", { betas: [0.9, 1] as [number, number] }, /train\.betas of \[0\.9, 1\]/, 0],
  ["a learning rate of 1e30", { learning_rate: 1e30 }, /train\.learning_rate of 1e\+30/, 0],
  ["one of a part", { vision_learning_rate: 1e30 }, /train\.vision_learning_rate of 1e\+30/, 0],
  ["one after a warm-up", { learning_rate: 1e30, warmup_ratio: 0.5 }, /train\.learning_rate of 1e\+30/, 1],
])("saves no weights that are not numbers: %s", async (_, keys, setting, goodSteps) => {
  for (const dtype of ["float32", "bfloat16"] as const) {
    const valid = recipe({ train: { save_every: 1, warmup_ratio: 0, dtype } })
    const config = { ...valid, train: { ...valid.train, ...keys } }
    const failure = (await run(config).catch((error) => error)) as UserError
    expect(failure).toBeInstanceOf(UserError)
    expect(failure.message).toMatch(new RegExp(`update of step ${goodSteps} .*: [a-z_.0-9]+\\.(weight|bias)`))
    expect(failure.fix).toMatch(setting)
    const saved = (output: string): string[] => readdirSync(output).filter((name) => /^checkpoint|^model$/.test(name))
    expect(saved(config.output)).toEqual(goodSteps > 0 ? [`checkpoint-${goodSteps}`] : [])
  }
  // The bad update is not what is saved because of its error.
  const valid = recipe({ train: { warmup_ratio: 0 } })
  const config = { ...valid, train: { ...valid.train, ...keys } }
  await expect(run(config)).rejects.toThrow(/there are numbers that are none/)
  expect(readdirSync(config.output).filter((name) => name.startsWith("checkpoint"))).toEqual([])
})

it("blames the starting model for weights that it came with", async () => {
  const sick = join(folder, "sick")
  const { model, checkpoint } = loadModel(small.model, { dtype: "float32", device: "cpu" })
  const { config, tensors } = checkpoint
  const parameters = new Map(model.parameters())
  const embedding = parameters.get("model.embed_tokens.weight")!
  parameters.set("lm_head.weight", embedding.clone())
  // No record has this token.
  const [vocabulary] = tensors.get("model.embed_tokens.weight")!.shape
  noGrad(() => embedding.narrow(0, vocabulary - 1, 1).fill_(Number.NaN))
  const untied = { ...config, text: { ...config.text, tie: false } }
  await saveModel(sick, { config: untied, parameters, filesFrom: small.model })
  const starting = { ...recipe({ paradigm: "autoregressive" }), model: sick }
  const failure = (await run(starting).catch((error) => error)) as UserError
  expect(failure.format()).toMatch(
    /sick: the starting model has weights that are not numbers.*model\.embed_tokens\.weight/,
  )
  expect(readdirSync(starting.output).filter((name) => name.startsWith("checkpoint"))).toEqual([])
})

it("stops at a loss that is not a number, names the sample and keeps the weights", async () => {
  const poisoned = join(folder, "poisoned")
  const { model, checkpoint } = loadModel(small.model, { dtype: "float32", device: "cpu" })
  const [zebra] = Tokenizer.load(small.model).encode(" zebra")
  noGrad(() => model.parameters().get("model.embed_tokens.weight")!.narrow(0, zebra, 1).fill_(Number.NaN))
  await saveModel(poisoned, { config: checkpoint.config, parameters: model.parameters(), filesFrom: small.model })
  // A tied head would spread it to every token.
  expect(checkpoint.config.text.tie).toBe(true)
  const config = { ...recipe({ paradigm: "autoregressive" }), model: poisoned }
  const failure = (await run(config).catch((error) => error)) as UserError
  expect(failure).toBeInstanceOf(UserError)
  expect(failure.message).toMatch(/the loss of step 0 is NaN/)
  expect(failure.fix).toMatch(/the starting model again: it has weights that are not numbers.*model\.embed_tokens/)
  expect(failure.where).toContain("data.json, record")
  expect(readdirSync(config.output).filter((name) => name.startsWith("checkpoint-"))).toEqual([])
})

it("names the one bad sample of a batch", async () => {
  const config = recipe({ paradigm: "autoregressive", train: { micro_batch_size: small.recordCount, accumulate: 1 } })
  const untied = join(folder, "untied")
  const { model, checkpoint } = loadModel(small.model, { dtype: "float32", device: "cpu" })
  const parameters = new Map(model.parameters())
  const embedding = parameters.get("model.embed_tokens.weight")!
  parameters.set("lm_head.weight", embedding.clone())
  const [comma] = Tokenizer.load(small.model).encode(",")
  noGrad(() => embedding.narrow(0, comma, 1).fill_(Number.NaN))
  const tied = checkpoint.config
  await saveModel(untied, {
    config: { ...tied, text: { ...tied.text, tie: false } },
    parameters,
    filesFrom: small.model,
  })
  const failure = (await run({ ...config, model: untied }).catch((error) => error)) as UserError
  expect(failure.where).toBe(`${small.data}, record ${small.recordCount - 1}`)
})
