/** Table 2: pictures of other kinds, charts, diagrams, several pictures. */

import { cells, type PaperTable } from "./paper-table.js"

const AR = "Autoregressive vision-language models"
const DIFFUSION = "Diffusion vision-language models"

export const table2: PaperTable = {
  name: "table2",
  title: "Table 2: models translated from vision-language models, charts, diagrams and several pictures",
  text: "The models of table 1.",
  columns: [
    { title: "SeedBench (image)", score: { task: "seedbench", metric: "seed_image" } },
    { title: "SeedBench (video)", score: { task: "seedbench", metric: "seed_video" } },
    { title: "AI2D", score: { task: "ai2d", metric: "exact_match" } },
    { title: "ChartQA", score: { task: "chartqa", metric: "relaxed_overall" } },
    { title: "RealWorldQA", score: { task: "realworldqa", metric: "exact_match" } },
    { title: "MuirBench", score: { task: "muirbench", metric: "muirbench_score_overall" } },
  ],
  rows: [
    { group: AR, model: "LLaVA", size: "7B", type: "AR", samples: "-", cells: cells("37.0 | 23.8 | - | - | - | -") },
    {
      group: AR,
      model: "LLaVA-1.5",
      size: "7B",
      type: "AR",
      samples: "-",
      cells: cells("66.1 | 37.3 | - | - | - | -"),
    },
    {
      ...{ group: AR, model: "Cambrian-1", size: "8B", type: "AR", samples: "-" },
      cells: cells("74.7 | - | 73.0 | 73.3 | 64.2 | -"),
    },
    {
      ...{ group: AR, model: "LLaVA-OV", size: "7B", type: "AR", samples: "7.8M" },
      cells: cells("75.4 | 56.9 | 81.4 | 80.0 | 66.3 | 41.8"),
    },
    {
      ...{ group: AR, model: "Qwen2.5VL", size: "3B", type: "AR", samples: ">9M" },
      ...{ cells: cells("74.8 | 55.1 | 81.6 | 84.0 | 65.4 | 47.7"), hub: "Qwen/Qwen2.5-VL-3B-Instruct" },
    },
    {
      ...{ group: AR, model: "Qwen2.5VL", size: "7B", type: "AR", samples: ">9M" },
      ...{ cells: cells("77.5 | 61.3 | 83.9 | 87.3 | 68.5 | 59.6"), hub: "Qwen/Qwen2.5-VL-7B-Instruct" },
    },
    {
      ...{ group: DIFFUSION, model: "LaViDa-L", size: "8B", type: "Diff.", samples: "1.6M" },
      cells: cells("66.5 | - | 70.0 | 64.6 | - | -"),
    },
    {
      ...{ group: DIFFUSION, model: "Dimple", size: "7B", type: "Diff.", samples: "1.3M" },
      cells: cells("- | - | 74.4 | 63.4 | - | -"),
    },
    {
      ...{ group: DIFFUSION, model: "LLaDA-V", size: "8B", type: "Diff.", samples: "16.5M" },
      cells: cells("74.8 | 53.7 | 77.8 | 78.3 | 63.2 | 48.3"),
    },
    {
      ...{ group: DIFFUSION, model: "DiffusionVL", size: "3B", type: "Diff.", samples: "738K" },
      ...{ cells: cells("73.9 | 52.2 | 78.4 | 79.9 | 61.6 | 47.2"), hub: "hustvl/DiffusionVL-Qwen2.5VL-3B" },
    },
    {
      ...{ group: DIFFUSION, model: "DiffusionVL", size: "7B", type: "Diff.", samples: "738K" },
      ...{ cells: cells("75.5 | 54.4 | 82.2 | 84.2 | 68.0 | 44.8"), hub: "hustvl/DiffusionVL-Qwen2.5VL-7B" },
    },
  ],
}
