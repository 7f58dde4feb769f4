import { execFileSync } from "node:child_process"
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { unix } from "../../test/support/needs.js"
import { digestsOf, lossesOf, run, weightsOf } from "../../test/support/run-training.js"
import { type SmallData, smallTraining, writeSmallVlm } from "../../test/support/small-vlm.js"
import { withVocabulary } from "../checkpoint/config.js"
import { checkDataset } from "../data/check.js"
import { UserError } from "../errors.js"
import { loadModel } from "../models/load.js"
import { saveModel } from "../models/save.js"
import { Tokenizer } from "../text/tokenizer/tokenizer.js"
import { noGrad } from "../torch/index.js"
import type { TrainingConfig } from "./recipe/config.js"
import { type TrainingEvent, train } from "./trainer.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-train-"))
let small: SmallData
let outputs = 0
beforeAll(async () => {
  small = await writeSmallVlm(folder)
})
afterAll(() => rmSync(folder, { recursive: true }))

const recipe = (overrides: Parameters<typeof smallTraining>[2] = {}): TrainingConfig =>
  smallTraining(small, join(folder, `run-${outputs++}`), overrides)

/** A copy of the starting model, whose files may be changed. */
function copyOfModel(name: string): string {
  const copy = join(folder, name)
  cpSync(small.model, copy, { recursive: true })
  return copy
}

/** A copy of the starting model with another config.json. */
function modelWith(name: string, change: (json: Record<string, unknown>) => void): { model: string; file: string } {
  const model = copyOfModel(name)
  const file = join(model, "config.json")
  const json = JSON.parse(readFileSync(file, "utf8"))
  change(json)
  writeFileSync(file, JSON.stringify(json))
  return { model, file }
}

describe("a training", () => {
  // Every source of randomness at once: order, task mixture by progress, augmentation, noise.
  const pictures = {
    data: {
      sampler: "grouped",
      task_mixture: [
        { until: 0.5, tasks: { name: 1 } },
        { until: 1, tasks: { name: 0.5, describe: 1 } },
      ],
      augment: { scale: [0.8, 1.2], flip: 0.5, shift: 0.1, brightness: 0.2 },
    },
  }
  // Records without a picture belong to no picture.
  const withPictures = async (): Promise<string> => {
    const records = JSON.parse(readFileSync(small.data, "utf8")) as { image?: string }[]
    const file = join(folder, "pictures.json")
    writeFileSync(file, JSON.stringify(records.filter(({ image }) => image)))
    return file
  }

  it.each([
    [
      "block diffusion, float32",
      { paradigm: "block-diffusion", block_diffusion: { block_size: 4, noise: "shuffled" } },
      {},
    ],
    [
      "block diffusion whose blocks grow, over a causal context",
      {
        paradigm: "block-diffusion",
        block_diffusion: {
          block_size: 8,
          context: "causal",
          anneal: [
            { until: 0.3, block_size: 2 },
            { until: 0.7, block_size: 4 },
          ],
        },
      },
      {},
    ],
    ["block diffusion, bfloat16 with float32 masters", { paradigm: "block-diffusion" }, { dtype: "bfloat16" }],
    ["autoregressive, gradient checkpointing", { paradigm: "autoregressive" }, { gradient_checkpointing: true }],
  ])("goes on bit for bit after any interruption: %s", async (_, what, keys) => {
    const file = await withPictures()
    const make = (): TrainingConfig =>
      recipe({ ...what, data: { ...pictures.data, file, image_root: folder }, train: keys })
    const whole = make()
    await run(whole)
    expect(lossesOf(whole).map(([step]) => step)).toEqual([0, 1, 2, 3, 4, 5])
    for (const stop of [1, 3, 5]) {
      const parts = make()
      const events = await run(parts, stop)
      expect(events.at(-1)).toMatchObject({ type: "interrupted", step: stop })
      const resumed = await run(parts)
      expect(resumed[0]).toMatchObject({ type: "start", step: stop })
      expect(weightsOf(parts)).toEqual(weightsOf(whole))
      expect(lossesOf(parts)).toEqual(lossesOf(whole))
    }
  })

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
      name
        .replace("model.vision_tower.vision_tower.", "visual.")
        .replace("model.mm_projector.merger.", "visual.merger.")
    for (const name of vision) expect(tensors.get(name), name).toBe(before.get(source(name)))
    const text = [...tensors.keys()].filter((name) => name.startsWith("model.layers."))
    expect(text.length).toBeGreaterThan(5)
    expect(text.filter((name) => tensors.get(name) === before.get(name))).toEqual([])
  })

  it("keeps the checkpoints it was asked to keep, and survives one that was cut off", async () => {
    const config = recipe({ train: { save_every: 1, keep: 1 } })
    await run(config, 4)
    const checkpoints = (): string[] => readdirSync(config.output).filter((name) => name.startsWith("checkpoint-"))
    expect(checkpoints()).toEqual(["checkpoint-3", "checkpoint-4"])
    // As kill −9 leaves it: a staging folder beside whole checkpoints, half a line in the log.
    cpSync(join(config.output, "checkpoint-4"), join(config.output, ".checkpoint-5.partial"), { recursive: true })
    rmSync(join(config.output, "checkpoint-4"), { recursive: true })
    writeFileSync(
      join(config.output, "metrics.jsonl"),
      `${readFileSync(join(config.output, "metrics.jsonl"), "utf8")}{"step":4,"lo`,
    )
    const events = await run(config)
    expect(events[0]).toMatchObject({ type: "start", step: 3 })
    const whole = recipe()
    await run(whole)
    expect(weightsOf(config)).toEqual(weightsOf(whole))
    expect(lossesOf(config)).toEqual(lossesOf(whole))
  })

  it("can be made longer after it has ended", async () => {
    const config = recipe({ train: { max_steps: 3, schedule: "constant" } })
    await run(config)
    const longer = { ...config, train: { ...config.train, max_steps: 6 } }
    expect((await run(longer))[0]).toMatchObject({ type: "start", step: 3, totalSteps: 6 })
    const whole = recipe({ train: { schedule: "constant" } })
    await run(whole)
    expect(weightsOf(longer)).toEqual(weightsOf(whole))
  })

  it("stops between the forwards of a step, and repeats that step", async () => {
    const config = recipe()
    const controller = new AbortController()
    const events: TrainingEvent[] = []
    for await (const event of train(config, { signal: controller.signal })) {
      events.push(event)
      // The first forward of the next step has begun when this fires, the second has not.
      if (event.type === "step" && event.metrics.step === 1) setImmediate(() => controller.abort())
    }
    expect(events.at(-1)).toMatchObject({ type: "interrupted", step: 2 })
    await run(config)
    const whole = recipe()
    await run(whole)
    expect(weightsOf(config)).toEqual(weightsOf(whole))
  })

  it("keeps the steps before a bad sample", async () => {
    const records = JSON.parse(readFileSync(small.data, "utf8")) as object[]
    const file = join(folder, "one-bad.json")
    writeFileSync(
      file,
      JSON.stringify([
        ...records,
        {
          image: "pictures/gone.png",
          conversations: [
            { from: "human", value: "<image>\n?" },
            { from: "gpt", value: "!" },
          ],
        },
      ]),
    )
    const config = recipe({ data: { file }, train: { max_steps: 40, accumulate: 1, micro_batch_size: 1 } })
    const failure = (await run(config).catch((error) => error)) as UserError
    expect(failure.where).toBe(`${file}, record ${records.length}`)
    const logged = lossesOf(config).length
    expect(logged).toBeGreaterThan(0)
    expect(readdirSync(config.output)).toContain(`checkpoint-${logged}`)
  })

  unix.it("says of a picture what the data check says", async () => {
    execFileSync("mkfifo", [join(folder, "pipe.png")])
    const conversations = [
      { from: "human", value: "<image>\n?" },
      { from: "gpt", value: "!" },
    ]
    for (const [image, what] of [
      ["pipe.png", `the image ${join(folder, "pipe.png")} is not a regular file`],
      ["gone.png", `there is no image ${join(folder, "gone.png")}`],
      [".", `the image ${folder} is a folder, not an image`],
      ["https://x.org/a.png", "the image is given as an https: URL (https://x.org/a.png)"],
    ]) {
      const file = join(folder, "one-picture.json")
      writeFileSync(file, JSON.stringify([{ image, conversations }]))
      const failure = (await run(recipe({ data: { file } })).catch((error) => error)) as UserError
      const checked: unknown[] = []
      for await (const event of checkDataset(file)) if (event.type === "problem") checked.push(event)
      expect(checked).toMatchObject([{ what, where: `${file}, record 0` }])
      expect(failure).toMatchObject({ where: `${file}, record 0`, message: expect.stringContaining(what) })
    }
  })

  it("refuses a sample of which nothing is left to learn, and a training that masked nothing", async () => {
    const short = (await run(recipe({ data: { max_length: 16 } })).catch((error) => error)) as UserError
    expect(short.message).toMatch(
      /there is nothing to learn: the answer begins at token \d+ of \d+, and a sample is cut to 16/,
    )
    const valid = recipe({ train: { max_steps: 2, accumulate: 1, micro_batch_size: 1 } })
    const block_diffusion = { ...valid.block_diffusion, noise_range: [1e-9, 2e-9] as [number, number] }
    const config = { ...valid, block_diffusion }
    const failure = (await run(config).catch((error) => error)) as UserError
    expect(failure.message).toBe("nothing was learned: no token of the samples was masked in any step")
    expect(readdirSync(config.output)).not.toContain("model")
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

  it("refuses to pad answers with a token that the model does not have", async () => {
    const { model } = modelWith("nameless", (json) => {
      delete json.eos_token_id
    })
    const failure = (await run({ ...recipe({}), model }).catch((error) => error)) as UserError
    expect(failure.format()).toMatch(/nameless: the end-of-sequence token 151645.*is outside the vocabulary of \d+/)
  })

  it.each(["autoregressive", "block-diffusion"] as const)(
    "refuses ids of tokens that the model or its tokenizer does not have: %s",
    async (paradigm) => {
      for (const [key, id, what] of [
        ["image_token_id", 5, "of the tokenizer, whose <|image_pad|> is"],
        ["pad_token_id", 1e9, "is outside the vocabulary of"],
      ] as const) {
        const { model, file } = modelWith(`misnamed-${paradigm}-${key}`, (json) => {
          json[key] = id
        })
        await expect(run({ ...recipe({ paradigm }), model })).rejects.toMatchObject({
          message: expect.stringMatching(new RegExp(`^${key}: token ${id} .*${what.replaceAll("|", "\\|")}`)),
          where: file,
        })
      }
    },
  )

  it.each(["autoregressive", "block-diffusion"] as const)(
    "blames the tokenizer, not a record, for a mark that it lacks: %s",
    async (paradigm) => {
      const bare = copyOfModel(`bare-${paradigm}`)
      const file = join(bare, "tokenizer.json")
      const definition = JSON.parse(readFileSync(file, "utf8"))
      const added = (definition.added_tokens as { content: string }[]).filter(
        ({ content }) => content !== "<|im_start|>",
      )
      writeFileSync(file, JSON.stringify({ ...definition, added_tokens: added }))
      rmSync(join(bare, "tokenizer_config.json"), { force: true })
      await expect(run({ ...recipe({ paradigm }), model: bare })).rejects.toMatchObject({
        message: "the tokenizer has no token <|im_start|>",
        where: file,
      })
    },
  )

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
})
