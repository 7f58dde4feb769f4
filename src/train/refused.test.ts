/** Samples, models and tokenizers that cannot be trained with: in sentences, and what was done is kept. */

import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { unix } from "../../test/support/needs.js"
import { lossesOf, run } from "../../test/support/run-training.js"
import { type Trainings, trainingsIn } from "../../test/support/trainings.js"
import { checkDataset } from "../data/check.js"
import type { UserError } from "../errors.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-train-"))
let small: Trainings["small"]
let recipe: Trainings["recipe"]
let copyOfModel: Trainings["copyOfModel"]
let modelWith: Trainings["modelWith"]
beforeAll(async () => {
  ;({ small, recipe, copyOfModel, modelWith } = await trainingsIn(folder))
})
afterAll(() => rmSync(folder, { recursive: true }))

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
    const added = (definition.added_tokens as { content: string }[]).filter(({ content }) => content !== "<|im_start|>")
    writeFileSync(file, JSON.stringify({ ...definition, added_tokens: added }))
    rmSync(join(bare, "tokenizer_config.json"), { force: true })
    await expect(run({ ...recipe({ paradigm }), model: bare })).rejects.toMatchObject({
      message: "the tokenizer has no token <|im_start|>",
      where: file,
    })
  },
)
