/** A small trainable Qwen2.5-VL folder with a tokenizer of its own, and a LLaVA data set to train it on. */

import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import sharp from "sharp"
import { createDemoModel } from "../../examples/emoji/model.js"
import { demoSchema } from "../../examples/emoji/recipe.js"
import { type TrainingConfig, trainingSchema } from "../../src/train/recipe/config.js"

const SIDE = 56
const COLOURS = ["red", "green", "blue", "white", "black", "yellow"] as const
const stage = { steps: 1, learning_rate: 1e-3, task_mixture: [{ until: 1, tasks: { name: 1 } }] }

const recipe = demoSchema.parse({
  data: { size: SIDE },
  tokenizer: { vocabulary: 300 },
  model: {
    vision: { width: 16, depth: 1, heads: 2, mlp: 16 },
    text: { width: 16, depth: 2, heads: 2, kv_heads: 1, mlp: 24 },
    matrix_std: 0.2,
  },
  training: { augment: {} },
  stages: { autoregressive: stage, diffusion: stage },
})

export interface SmallData {
  model: string
  data: string
  recordCount: number
}

/** Writes `model/`, `data.json` and its pictures into `folder`. */
export async function writeSmallVlm(folder: string): Promise<SmallData> {
  const pictures = join(folder, "pictures")
  await mkdir(pictures, { recursive: true })
  const records: object[] = []
  for (const colour of COLOURS) {
    const image = `pictures/${colour}.png`
    await sharp({ create: { width: SIDE, height: SIDE, channels: 3, background: colour } })
      .png()
      .toFile(join(folder, image))
    const ask = (task: string, question: string, answer: string): object => ({
      image,
      task,
      conversations: [
        { from: "human", value: `<image>\n${question}` },
        { from: "gpt", value: answer },
      ],
    })
    records.push(
      ask("name", "What colour is this?", colour),
      ask("describe", "Describe it.", `All of it is ${colour}.`),
    )
  }
  records.push({
    conversations: [
      { from: "human", value: "Say hello." },
      { from: "gpt", value: "hello, zebra" },
    ],
  })
  const data = join(folder, "data.json")
  await writeFile(data, JSON.stringify(records))
  const model = join(folder, "model")
  await createDemoModel(model, recipe, [
    ...COLOURS.flatMap((colour) => ["What colour is this?", colour, `All of it is ${colour}.`]),
    "Say hello.",
    "hello, zebra",
    "hello, zebra",
  ])
  return { model, data, recordCount: records.length }
}

/** A recipe over such a folder: a few quick steps. */
export function smallTraining(
  { model, data }: SmallData,
  output: string,
  { data: dataKeys, train, ...rest }: { data?: object; train?: object; [key: string]: unknown } = {},
): TrainingConfig {
  return trainingSchema().parse({
    model,
    output,
    data: { file: data, min_pixels: SIDE ** 2, max_pixels: SIDE ** 2, sampler: "shuffle", ...dataKeys },
    train: {
      learning_rate: 0.01,
      vision_learning_rate: 0.002,
      weight_decay: 0.01,
      micro_batch_size: 2,
      accumulate: 2,
      max_steps: 6,
      dtype: "float32",
      save_every: 100,
      ...train,
    },
    ...rest,
  })
}
