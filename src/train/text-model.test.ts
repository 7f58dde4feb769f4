/** A model that reads text only is trained, goes on where it was stopped, is saved in its family's words, and answers. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { lossesOf, run, weightsOf } from "../../test/support/run-training.js"
import { SMALL_FAMILIES } from "../../test/support/small-families.js"
import { writeSmallTextModel } from "../../test/support/small-text-model.js"
import { UserError } from "../errors.js"
import { generateText } from "../generate/generate.js"
import { preparePrompt } from "../generate/prepare.js"
import { loadSession } from "../generate/session.js"
import { normaliseConfig } from "../models/read-config.js"
import { initialiseWeights } from "../models/registry.js"
import { saveModel } from "../models/save.js"
import { Tokenizer } from "../text/tokenizer/tokenizer.js"
import { readMetrics } from "./metrics.js"
import { type TrainingConfig, trainingSchema } from "./recipe/config.js"
import { finishedModel } from "./trainer.js"

const root = mkdtempSync(join(tmpdir(), "text-training-"))
const SPECIAL = ["<|startoftext|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|mdm_mask|>"]
const model = join(root, "model")
const file = join(root, "data.json")

beforeAll(async () => {
  // Every token is text or a mark but the mask, whose own mark says so.
  const letters = Array.from("abcdefghijklmnopqrstuvwxyz ,.\nABCDEFGHIJKL")
  const vocab = Object.fromEntries(letters.map((letter, i) => [letter, i]))
  const first = letters.length
  const added_tokens = SPECIAL.map((content, i) => ({ id: first + i, content, special: true }))
  const ids = { eos_token_id: first + 3, mask_token_id: first + 4, vocab_size: first + SPECIAL.length }
  const config = normaliseConfig({ ...SMALL_FAMILIES.llada, ...ids, max_position_embeddings: 512 })
  await saveModel(model, { config, parameters: initialiseWeights(config, 3, { std: 0.2 }) })
  const tokenizer = { added_tokens, model: { type: "BPE", vocab, merges: [] } }
  writeFileSync(join(model, "tokenizer.json"), JSON.stringify(tokenizer))
  const turns = (question: string, answer: string) => ({
    conversations: [
      { from: "human", value: question },
      { from: "gpt", value: answer },
    ],
  })
  writeFileSync(file, JSON.stringify([turns("a", "abc"), turns("b", "bcd"), turns("c", "cde"), turns("d", "def")]))
})
afterAll(() => rmSync(root, { recursive: true }))

const recipe = (output: string, keys: object = {}): TrainingConfig =>
  trainingSchema().parse({
    model,
    output: join(root, output),
    paradigm: "block-diffusion",
    data: { file },
    block_diffusion: { block_size: 4 },
    train: { max_steps: 4, micro_batch_size: 2, accumulate: 1, learning_rate: 0.01, dtype: "float32" },
    ...keys,
  })

it("learns in blocks, interrupted or not, and is still of its family", async () => {
  const [whole, parts] = [recipe("whole"), recipe("parts")]
  await run(whole)
  const losses = lossesOf(whole)
  expect(losses.map(([step]) => step)).toEqual([0, 1, 2, 3])
  expect(losses.every(([, loss]) => loss > 0 && Number.isFinite(loss))).toBe(true)
  expect((await run(parts, 2)).at(-1)).toMatchObject({ type: "interrupted" })
  await run(parts)
  expect(weightsOf(parts)).toEqual(weightsOf(whole))
  const written = JSON.parse(readFileSync(join(finishedModel(whole.output), "config.json"), "utf8"))
  expect(written).toMatchObject({ model_type: "llada", diffusionvl: { paradigm: "block-diffusion", block_size: 4 } })
})

describe("with a chat template of its own", () => {
  const small = (async () => {
    const folder = mkdtempSync(join(root, "template-"))
    return writeSmallTextModel(folder)
  })()
  const training = async (output: string, source: "folder" | "gguf") => {
    const model = await small
    return recipe(output, {
      model: model[source],
      data: { file: model.data },
      paradigm: "autoregressive",
      train: { max_steps: 2, micro_batch_size: 2, accumulate: 1, learning_rate: 0.01, dtype: "float32" },
    })
  }

  it("learns exactly the answers and their ends, the same from a folder and a GGUF file", async () => {
    const [one, other] = [await training("template", "folder"), await training("template-gguf", "gguf")]
    await run(one)
    expect((await run(other, 1)).at(-1)).toMatchObject({ type: "interrupted" })
    await run(other)
    expect(weightsOf(other)).toEqual(weightsOf(one))
    const tokenizer = Tokenizer.load((await small).folder)
    const texts = ["green", "blue", "hello, zebra"]
    const learned = texts.reduce((n, text) => n + tokenizer.encode(text).length + 1, 0)
    expect(readMetrics(join(one.output, "metrics.jsonl"))[0].tokens).toBe(learned)
  })

  it("is another training with another template", async () => {
    const config = await training("changing", "folder")
    await run(config, 1)
    const file = join((await small).folder, "chat_template.jinja")
    writeFileSync(file, "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}")
    await expect(run(config)).rejects.toThrow(/tokenizer, chat template or image settings of .* differ/)
    rmSync(file)
    expect((await run(config)).at(-1)).toMatchObject({ type: "done" })
  })
})

it("answers", async () => {
  const session = loadSession(finishedModel(join(root, "whole")), { dtype: "float32", device: "cpu" })
  expect([session.paradigm.name, session.format]).toEqual(["block-diffusion", "llava_llada"])
  const { stats, text } = await generateText(session, { messages: [{ role: "user", content: "a" }], maxTokens: 8 })
  expect(stats.forwards).toBeGreaterThan(0)
  expect(text).not.toContain("mdm_mask")
})

it("LLaDA with a chat template of its own is asked and trained in its words", async () => {
  const folder = join(root, "llada-template")
  cpSync(model, folder, { recursive: true })
  const chat_template =
    "{% for message in messages %}{{ (bos_token if loop.first else '') + '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' }}{% endfor %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify({ bos_token: "<|startoftext|>", chat_template }))
  const session = loadSession(folder, { dtype: "float32", device: "cpu" })
  const { tokenizer } = session
  const asked = await preparePrompt(session, [{ role: "user", content: " ab" }])
  const header = (role: string): string => `<|start_header_id|>${role}<|end_header_id|>\n\n`
  const whole = `<|startoftext|>${header("user")}ab<|eot_id|>${header("assistant")}`
  expect([...asked.ids]).toEqual(tokenizer.encode(whole, { special: true }))
  const config = recipe("llada-template-run", { model: folder, paradigm: "full-diffusion", train: { max_steps: 1 } })
  await run(config)
  // Three letters and the end of an answer: the authors' format would label its marks too.
  expect(readMetrics(join(config.output, "metrics.jsonl"))[0].labelledTokens).toBe(4)
})

it("does not train where nothing would be learned", async () => {
  const failure = await run(recipe("no-part", { train: { tunable: ["vision", "projector"] } })).catch((error) => error)
  expect(failure).toBeInstanceOf(UserError)
  expect(failure.format()).toMatch(/nothing would be trained: the model has no weights of vision or projector/)
})

it("has no use for pictures, and says where they are", async () => {
  const pictures = join(root, "pictures.json")
  const conversations = [
    { from: "human", value: "<image>\nwhat" },
    { from: "gpt", value: "this" },
  ]
  writeFileSync(pictures, JSON.stringify([{ image: "p.png", conversations }]))
  const { default: sharp } = await import("sharp")
  await sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } })
    .png()
    .toFile(join(root, "p.png"))
  const failure = await run(recipe("pictures", { data: { file: pictures } })).catch((error) => error)
  expect(failure).toBeInstanceOf(UserError)
  expect(failure.format()).toMatch(/pictures\.json, record 0: the model reads text only/)
})
