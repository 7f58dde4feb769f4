/** Table 3: models made from language models, in three paradigms. */

import { cells, type PaperTable } from "./paper-table.js"

const LLADA = "From LLaDA-8B, a diffusion language model"
const QWEN = "From Qwen2.5-7B, an autoregressive language model"

export const table3: PaperTable = {
  name: "table3",
  title: "Table 3: models made from language models, in three paradigms",
  text: "The same data and settings (recipes/paper). Two rows of a language model share the first cell.",
  columns: [
    // 65.9 / 47.4 cannot be SeedBench's image and all: their numbers of questions rule it out.
    { title: "language model: two unnamed scores" },
    { title: "MMMU (val)", score: { task: "mmmu_val", metric: "mmmu_acc" } },
    { title: "MMMU-Pro (standard)", score: { task: "mmmu_pro_standard", metric: "mmmu_acc" } },
    { title: "AI2D", score: { task: "ai2d", metric: "exact_match" } },
    { title: "ChartQA", score: { task: "chartqa", metric: "relaxed_overall" } },
    { title: "RealWorldQA", score: { task: "realworldqa", metric: "exact_match" } },
    { title: "MME (cognition)", score: { task: "mme", metric: "mme_cognition_score" } },
    { title: "MME (perception)", score: { task: "mme", metric: "mme_perception_score" } },
  ],
  rows: [
    {
      ...{ group: LLADA, model: "LLaDA-V", size: "8B", type: "Full-Diff" },
      cells: cells("65.9 / 47.4 | 42.4 | 26.0 | 69.5 | 20.2 | 60.1 | 342 | 1337"),
    },
    {
      ...{ group: LLADA, model: "LLaDA-V", size: "8B", type: "Block-Diff." },
      cells: cells("| 32.6 | 17.1 | 51.2 | 29.8 | 44.2 | 261 | 1186"),
    },
    {
      ...{ group: QWEN, model: "LLaVA", size: "7B", type: "AR" },
      cells: cells("71.9 / 63.9 | 45.4 | 28.1 | 74.0 | 52.8 | 60.4 | 356 | 1479"),
    },
    {
      ...{ group: QWEN, model: "DiffusionVL", size: "7B", type: "Block-Diff." },
      ...{ cells: cells("| 43.7 | 28.4 | 70.6 | 53.6 | 60.7 | 371 | 1457"), hub: "hustvl/DiffusionVL-Qwen2.5-7B" },
    },
  ],
}
