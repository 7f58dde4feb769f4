/** A small model and data of three kinds of tasks: pictures in files, questions in several orders, answers to choose from. */

import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import sharp from "sharp"
import { convert } from "../../src/paradigms/convert.js"
import { writeSmallVlm } from "./small-vlm.js"

export interface SmallEvaluation {
  /** A model of blocks, by its folder. */
  model: string
  /** chartqa's. */
  charts: string
  /** Arguments of `diffusionvl eval` for all three. */
  args: string[]
}

/** Options with which each answer is what it is alone. */
export const SMALL_DECODING = ["--max-tokens", "6", "--device", "cpu", "--dtype", "float32"]

const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("")

/** @param count of the documents of a task */
export async function writeSmallEvaluation(folder: string, count: number): Promise<SmallEvaluation> {
  mkdirSync(folder, { recursive: true })
  const { model: trained } = await writeSmallVlm(folder)
  const model = join(folder, "blocks")
  await convert(trained, model, { record: { block_size: 4 } })
  const numbers = Array.from({ length: count }, (_, i) => i)
  for (let i = 0; 2 * i < count; i++)
    await sharp({ create: { width: 56, height: 56, channels: 3, background: `hsl(${i * 18}, 80%, 50%)` } })
      .png()
      .toFile(join(folder, `${i}.png`))
  const charts = numbers.map((i) => ({
    type: i % 3 ? "human_test" : "augmented_test",
    question: `What colour is number ${i}?`,
    answer: "red",
    image: `${i >> 1}.png`,
  }))
  const orders = numbers.map((i) => ({
    index: (i >> 1) + 1_000_000 * (i % 2),
    question: `Which colour is ${i >> 1}?`,
    answer: "AB"[i % 2],
    ...{ A: i % 2 ? "green" : "red", B: i % 2 ? "red" : "green", category: "colours", "L2-category": "pictures" },
    image: `${i >> 1}.png`,
  }))
  const choices = numbers.map((i) => ({
    question: `What is number ${i}?`,
    choices: { text: ["red", "green", "hello, zebra"], label: ["A", "B", "C"] },
    answerKey: "ABC"[i % 3],
  }))
  const files = { chartqa: charts, mmbench_en_dev: orders, arc_easy: choices }
  for (const [name, rows] of Object.entries(files)) writeFileSync(join(folder, `${name}.jsonl`), lines(rows))
  const data = Object.keys(files).flatMap((name) => ["--data", `${name}=${join(folder, `${name}.jsonl`)}`])
  return {
    model,
    charts: join(folder, "chartqa.jsonl"),
    args: [model, "--tasks", Object.keys(files).join(","), ...data, ...SMALL_DECODING],
  }
}
