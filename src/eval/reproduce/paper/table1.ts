/** Table 1: general knowledge. */

import { cells, type PaperTable } from "./paper-table.js"

const AR = "Autoregressive vision-language models"
const DIFFUSION = "Diffusion vision-language models"

export const table1: PaperTable = {
  name: "table1",
  title: "Table 1: models translated from vision-language models, general knowledge",
  text: "DiffusionVL is Qwen2.5-VL, fine-tuned by block diffusion; beside it what it was and other models.",
  columns: [
    { title: "MMBench (en-dev)", score: { task: "mmbench_en_dev", metric: "gpt_eval_score" } },
    { title: "MMMU (val)", score: { task: "mmmu_val", metric: "mmmu_acc" } },
    { title: "MMMU-Pro (standard)", score: { task: "mmmu_pro_standard", metric: "mmmu_acc" } },
    { title: "MMMU-Pro (vision)", score: { task: "mmmu_pro_vision", metric: "mmmu_acc" } },
    { title: "MMStar", score: { task: "mmstar", metric: "average" } },
    { title: "MME (cognition)", score: { task: "mme", metric: "mme_cognition_score" } },
    { title: "MME (perception)", score: { task: "mme", metric: "mme_perception_score" } },
  ],
  rows: [
    { group: AR, model: "LLaVA", size: "7B", type: "AR", samples: "-", cells: cells("38.7 | - | - | - | - | - | 809") },
    {
      ...{ group: AR, model: "LLaVA-1.5", size: "7B", type: "AR", samples: "-" },
      cells: cells("64.3 | - | - | - | - | - | 1510"),
    },
    {
      ...{ group: AR, model: "Cambrian-1", size: "8B", type: "AR", samples: "-" },
      cells: cells("75.9 | 42.7 | - | - | - | - | 1547"),
    },
    {
      ...{ group: AR, model: "LLaVA-OV", size: "7B", type: "AR", samples: "7.8M" },
      cells: cells("80.8 | 48.8 | - | - | 61.7 | 418 | 1580"),
    },
    {
      ...{ group: AR, model: "Qwen2.5VL", size: "3B", type: "AR", samples: ">9M" },
      ...{ cells: cells("79.1 | 46.8 | 31.2 | 22.1 | 55.9 | 620 | 1533"), hub: "Qwen/Qwen2.5-VL-3B-Instruct" },
    },
    {
      ...{ group: AR, model: "Qwen2.5VL", size: "7B", type: "AR", samples: ">9M" },
      ...{ cells: cells("83.5 | 51.1 | 36.7 | 33.4 | 63.9 | 646 | 1680"), hub: "Qwen/Qwen2.5-VL-7B-Instruct" },
    },
    {
      ...{ group: DIFFUSION, model: "LaViDa-L", size: "8B", type: "Diff.", samples: "1.6M" },
      cells: cells("70.5 | 43.3 | 28.6 | - | - | 341 | 1365"),
    },
    {
      ...{ group: DIFFUSION, model: "Dimple", size: "7B", type: "Diff.", samples: "1.3M" },
      cells: cells("- | 45.2 | - | - | - | 432 | 1514"),
    },
    {
      ...{ group: DIFFUSION, model: "LLaDA-V", size: "8B", type: "Diff.", samples: "16.5M" },
      cells: cells("82.9 | 48.6 | 35.2 | 18.6 | 60.1 | 491 | 1507"),
    },
    {
      ...{ group: DIFFUSION, model: "DiffusionVL", size: "3B", type: "Diff.", samples: "738K" },
      ...{ cells: cells("80.1 | 47.2 | 31.2 | 20.2 | 55.9 | 594 | 1539"), hub: "hustvl/DiffusionVL-Qwen2.5VL-3B" },
    },
    {
      ...{ group: DIFFUSION, model: "DiffusionVL", size: "7B", type: "Diff.", samples: "738K" },
      ...{ cells: cells("83.5 | 49.3 | 36.9 | 25.0 | 63.2 | 675 | 1519"), hub: "hustvl/DiffusionVL-Qwen2.5VL-7B" },
    },
  ],
}
