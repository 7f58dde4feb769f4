/**
 * What stands for the paper's models and benchmarks on a machine of two cores: built-in models and emoji questions, or what a
 * run of recipes/smollm2-sees made. Plain data.
 */

import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Task } from "../task/task.js"
import { isSame, normalised, wordF1 } from "../text-match.js"
import type { PAPER_TABLES } from "./paper/index.js"
import { type QuestionMetric, questionTask } from "./question-task.js"

export interface SmallModel {
  title: string
  /** As the paper calls what it is. */
  type: string
  model: string
}

export interface SmallTask {
  task: Task
  file: string
  /** Folder that pictures' paths start from. @default that of the file */
  imageRoot?: string
}

export interface SmallTable {
  /** What stands for what. */
  text: string
  models: readonly SmallModel[]
  tasks: readonly SmallTask[]
  columns: readonly { title: string; task: string; metric: string }[]
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

const exact: QuestionMetric = { name: "exact", title: "exact", score: (answer, right) => Number(isSame(answer, right)) }
const f1: QuestionMetric = { name: "word_f1", title: "F1 of the words", score: wordF1 }
/** "The picture shows this: NAME. …" */
const named: QuestionMetric = {
  name: "name_in_it",
  title: "name in it",
  score: (answer, right) => Number(normalised(answer).startsWith(normalised(right.split(". ")[0]))),
}

const SHAPES = /^(rectangle|circle|triangle)$/
const kind = (name: string, title: string, about: (right: string) => boolean): QuestionMetric => ({
  ...{ ...exact, name, title, about },
})
const yesNo = (right: string): boolean => /^(yes|no)$/i.test(right)

const emojiTasks: SmallTask[] = [
  { task: questionTask("emoji_name", "Emoji: name it", 16, [exact]), file: join(EMOJI, "name.jsonl") },
  { task: questionTask("emoji_choose", "Emoji: one of four", 16, [exact]), file: join(EMOJI, "choose.jsonl") },
  { task: questionTask("emoji_describe", "Emoji: describe it", 48, [f1, named]), file: join(EMOJI, "describe.jsonl") },
]

const emojiModels: SmallModel[] = [
  { title: "emoji-ar", type: "AR", model: "emoji-ar" },
  { title: "emoji-diffusion", type: "Block-Diff.", model: "emoji-diffusion" },
]

const EMOJI_TEXT =
  "emoji-ar stands for Qwen2.5-VL, emoji-diffusion for DiffusionVL, which was translated from it (its model card says how); 80 drawings by a vendor that neither was trained on. Each decodes as its folder says."

const seesTasks = (run: string): SmallTask[] => [
  {
    task: questionTask("easy_vqa", "easy-vqa", 8, [
      exact,
      kind("yes_or_no", "yes or no", yesNo),
      kind("shape", "shape", (right) => SHAPES.test(right)),
      kind("colour", "colour", (right) => !yesNo(right) && !SHAPES.test(right)),
    ]),
    file: join(run, "questions.jsonl"),
    imageRoot: run,
  },
  {
    task: questionTask("captions", "Captions of drawings", 48, [f1, named]),
    file: join(run, "heldOutCaptions.jsonl"),
    imageRoot: run,
  },
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
      { title: "describe it (F1 of the words, %)", task: "emoji_describe", metric: "word_f1" },
      { title: "name in it (%)", task: "emoji_describe", metric: "name_in_it" },
    ],
    sees: [
      { title: "easy-vqa (exact, %)", task: "easy_vqa", metric: "exact" },
      { title: "yes or no", task: "easy_vqa", metric: "yes_or_no" },
      { title: "shape", task: "easy_vqa", metric: "shape" },
      { title: "colour", task: "easy_vqa", metric: "colour" },
    ],
    sees2: [
      { title: "captions (F1 of the words, %)", task: "captions", metric: "word_f1" },
      { title: "name in it (%)", task: "captions", metric: "name_in_it" },
    ],
  }
  const used = (tasks: SmallTask[], own: SmallTable["columns"]): SmallTask[] =>
    tasks.filter(({ task }) => own.some((column) => column.task === task.name))
  const sees = (own: SmallTable["columns"]): SmallTable => ({
    ...{ text: SEES_TEXT, models: seesModels(run!), tasks: used(seesTasks(run!), own), columns: own },
    missing: [{ title: "block diffusion from a diffusion language model", why: `${SEES} trains none` }],
  })
  const emoji = (own: SmallTable["columns"]): SmallTable => ({
    ...{ text: EMOJI_TEXT, models: emojiModels, tasks: used(emojiTasks, own), columns: own, missing: [] },
  })
  if (name === "table3") {
    if (run !== undefined) return sees([...columns.sees, ...columns.sees2])
    const why = `no built-in model was made so: give --run FOLDER of ${SEES}`
    return {
      ...emoji([...columns.emoji, ...columns.emoji2]),
      missing: [{ title: "full diffusion, from a language model", why }],
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
