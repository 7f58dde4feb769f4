/**
 * What docs/models.md says that can be done with a model, as work on a tiny random one of the family. Each ends without a
 * word where it can be done, and in a UserError where it cannot.
 */

import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "vitest"
import { openTensors, readTensor } from "../../src/checkpoint/safetensors/safetensors.js"
import { generate, generateText } from "../../src/generate/generate.js"
import { preparePrompt } from "../../src/generate/prepare.js"
import { loadSession, type Session } from "../../src/generate/session.js"
import type { RgbImage } from "../../src/image/decode.js"
import { loadModel } from "../../src/models/load.js"
import { readConfig } from "../../src/models/read-config.js"
import { architectureOf, expectedTensors } from "../../src/models/registry.js"
import { saveModel } from "../../src/models/save.js"
import { causal } from "../../src/nn/attention-pattern.js"
import { convert } from "../../src/paradigms/convert.js"
import { merge } from "../../src/paradigms/merge.js"
import { embedPrompt } from "../../src/paradigms/prompt.js"
import { noGrad, type Tensor } from "../../src/torch/index.js"
import { trainingSchema } from "../../src/train/recipe/config.js"
import { finishedModel } from "../../src/train/trainer.js"
import { floats, ggufBytes, tinyGguf } from "../support/gguf.js"
import { logitsOf as logitsOfIds } from "../support/lora-fixtures.js"
import { promptPositions } from "../support/prompt-positions.js"
import { lossesOf, run } from "../support/run-training.js"
import { difference } from "../support/text-logits.js"

/** Where the work is done. */
export interface Place {
  /** Of the tiny model. */
  folder: string
  /** Of its own, for what is written. */
  scratch: string
}

export interface Mechanism {
  /** Heading of its column. */
  title: string
  /** What is shown, for the table's legend. */
  shows: string
  prove(place: Place): Promise<void>
}

const AUTOREGRESSIVE = "autoregressive"
const options = { dtype: "float32", device: "cpu" } as const

const picture = (width: number, height: number): RgbImage => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * i * 7 + 31 * i) % 251),
})

const sees = (folder: string): boolean => architectureOf(readConfig(folder)).images !== undefined

/** A question, with a picture where the model sees, and its greedy answer. */
export const requestFor = (session: Session, width = 16) => {
  const isSeeing = session.images !== undefined
  const question = { type: "text" as const, text: "What is it?" }
  return {
    messages: [{ role: "user" as const, content: isSeeing ? [{ type: "image" as const }, question] : "What is it?" }],
    images: isSeeing ? [picture(width, 8)] : [],
    maxTokens: 8,
    temperature: 0,
  }
}

/** Logits of the rows of the same question, [tokens, V]. */
async function logitsOf(session: Session): Promise<Tensor> {
  const { model } = session
  const { messages, images } = requestFor(session)
  const prompt = await preparePrompt(session, messages, images)
  const rows = prompt.ids.length
  return noGrad(() => {
    const embeddings = embedPrompt(model, prompt).unsqueeze(0)
    const positions = promptPositions(prompt, 0, rows, "cpu")
    return model.logits(model.forward({ embeddings, positions, patterns: [causal(rows)] }).squeeze(0))
  })
}

async function answer(session: Session, width?: number): Promise<string> {
  const { text } = await generateText(session, requestFor(session, width))
  return text
}

const bytesOf = (folder: string): Map<string, string> =>
  new Map([...openTensors(folder)].map(([name, place]) => [name, Buffer.from(readTensor(place)).toString("base64")]))

/** Trains three steps as a recipe says. @returns the finished model */
export async function trained({ folder, scratch }: Place, more: object): Promise<string> {
  const data = join(scratch, "data.json")
  const image = join(scratch, "picture.png")
  const isSeeing = sees(folder)
  if (isSeeing) {
    const { default: sharp } = await import("sharp")
    await sharp({ create: { width: 16, height: 8, channels: 3, background: "red" } })
      .png()
      .toFile(image)
  }
  const turns = (question: string, answer: string): object => ({
    ...(isSeeing && { image }),
    conversations: [
      { from: "human", value: isSeeing ? `<image>\n${question}` : question },
      { from: "gpt", value: answer },
    ],
  })
  writeFileSync(data, JSON.stringify([turns("What is it?", "A red one."), turns("And how?", "All of it.")]))
  const config = trainingSchema().parse({
    model: folder,
    output: join(scratch, "run"),
    data: { file: data, sampler: "shuffle" },
    ...more,
    train: { learning_rate: 0.01, micro_batch_size: 2, accumulate: 1, max_steps: 3, save_every: 100, dtype: "float32" },
  })
  await run(config)
  const losses = lossesOf(config).map(([, loss]) => loss)
  expect(losses).toHaveLength(3)
  expect(losses.every(Number.isFinite)).toBe(true)
  return finishedModel(config.output)
}

/** Vectors that files of an architecture have beside those that all have. */
const GGUF_MORE: Record<string, [name: string, size: number][]> = {
  qwen2: [
    ["blk.0.attn_q.bias", 8],
    ["blk.0.attn_k.bias", 4],
    ["blk.0.attn_v.bias", 4],
  ],
  qwen3: [
    ["blk.0.attn_q_norm.weight", 4],
    ["blk.0.attn_k_norm.weight", 4],
  ],
}

export const MECHANISMS: Record<string, Mechanism> = {
  read: {
    title: "read",
    shows: "its folder is loaded, with exactly the weights that its configuration asks for",
    async prove({ folder }) {
      const { model, checkpoint } = loadModel(folder, options)
      expect([...model.parameters().keys()]).toEqual([...expectedTensors(checkpoint.config).keys()])
      expect(checkpoint.config.family).toBe(readConfig(folder).family)
      for (const [name, weight] of model.parameters())
        expect(weight.shape, name).toEqual(checkpoint.tensors.get(name)!.shape)
    },
  },
  autoregressive: {
    title: "AR",
    shows: "it answers a question, with a picture where it sees, alone as among others",
    async prove({ folder, scratch }) {
      const published = readConfig(folder).paradigm.name === AUTOREGRESSIVE
      const source = published ? folder : join(scratch, "autoregressive")
      if (!published) await convert(folder, source, { paradigm: AUTOREGRESSIVE })
      const session = loadSession(source, options)
      expect(session.paradigm.name).toBe(AUTOREGRESSIVE)
      const alone = [await answer(session), await answer(session, 8)]
      const together = ["", ""]
      for await (const event of generate(session, [requestFor(session), requestFor(session, 8)]))
        if (event.type === "text") together[event.request] += event.text
      expect(together).toEqual(alone)
    },
  },
  translate: {
    title: "translate",
    shows: "a recipe trains it as block diffusion, and what it wrote is loaded and answers",
    async prove(place) {
      const model = await trained(place, { paradigm: "block-diffusion", block_diffusion: { block_size: 4 } })
      const session = loadSession(model, options)
      expect(session.config.paradigm).toMatchObject({ name: "block-diffusion", options: { block_size: 4 } })
      const before = bytesOf(place.folder)
      const learned = [...bytesOf(model)].filter(([name, bytes]) => bytes !== before.get(name))
      expect(learned.length).toBeGreaterThan(0)
      const { ids, stats } = await generateText(session, requestFor(session))
      expect(stats.forwards).toBeGreaterThan(0)
      expect(ids.length).toBeLessThanOrEqual(8)
    },
  },
  save: {
    title: "save",
    shows: "saved again, its files have the same tensors under the same names, and its config.json every key",
    async prove({ folder, scratch }) {
      const { model, checkpoint } = loadModel(folder, options)
      await saveModel(scratch, { config: checkpoint.config, parameters: model.parameters() })
      expect(bytesOf(scratch)).toEqual(bytesOf(folder))
      const json = (from: string) => JSON.parse(readFileSync(join(from, "config.json"), "utf8"))
      expect(json(scratch)).toEqual(json(folder))
    },
  },
  lora: {
    title: "LoRA",
    shows:
      "an adapter of every linear layer is trained, saved alone, and has with its base the logits of both merged, which are not the base's",
    async prove(place) {
      const adapter = await trained(place, { paradigm: "autoregressive", lora: { rank: 2, target: "all-linear" } })
      const adapted = loadSession(adapter, options)
      const whole = join(place.scratch, "whole")
      await merge(adapter, whole)
      const expected = await logitsOf(adapted)
      const scale = expected.abs().max().item()
      expect(difference(await logitsOf(loadSession(whole, options)), expected)).toBeLessThan(1e-4 * scale)
      expect(difference(await logitsOf(loadSession(place.folder, options)), expected)).toBeGreaterThan(1e-2 * scale)
    },
  },
  gguf: {
    title: "GGUF",
    shows: "a GGUF file of this architecture is read, and converted to a folder of the family with the same logits",
    async prove({ folder, scratch }) {
      const { family } = readConfig(folder)
      const file = join(scratch, "model.gguf")
      const { metadata, tensors } = tinyGguf(family)
      const more = (GGUF_MORE[family] ?? []).map(([name, size]) => floats(name, [size]))
      writeFileSync(file, ggufBytes({ metadata, tensors: [...tensors, ...more] }))
      expect(readConfig(file).family).toBe(family)
      const converted = join(scratch, "converted")
      await convert(file, converted, { paradigm: AUTOREGRESSIVE })
      expect(readConfig(converted).family).toBe(family)
      const logits = (from: string): number[][] => logitsOfIds(loadModel(from, options), [1, 3, 2, 1])
      expect(logits(converted)).toEqual(logits(file))
    },
  },
}
