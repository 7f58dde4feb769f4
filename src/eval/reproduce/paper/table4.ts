/** Table 4: block sizes that are trained with. */

import { cells, type PaperTable } from "./paper-table.js"

const group = "DiffusionVL-3B, from Qwen2.5-VL-3B"

export const table4: PaperTable = {
  name: "table4",
  title: "Table 4: block sizes",
  text: "Each block size is trained from the same start, and decoded with as many steps as a block has tokens. The paper has the benchmarks in rows.",
  stepPerToken: true,
  columns: [
    { title: "ChartQA", score: { task: "chartqa", metric: "relaxed_overall" } },
    { title: "RealWorldQA", score: { task: "realworldqa", metric: "exact_match" } },
    { title: "MMMU-Pro (standard)", score: { task: "mmmu_pro_standard", metric: "mmmu_acc" } },
    { title: "MMMU (val)", score: { task: "mmmu_val", metric: "mmmu_acc" } },
  ],
  rows: [
    { group, model: "block size 1", blockSize: 1, type: "Block-Diff.", cells: cells("82.8 | 59.5 | 32.1 | 47.9") },
    { group, model: "block size 4", blockSize: 4, type: "Block-Diff.", cells: cells("80.9 | 61.7 | 31.4 | 47.3") },
    {
      ...{ group, model: "block size 8", blockSize: 8, type: "Block-Diff." },
      ...{ cells: cells("79.9 | 61.6 | 31.2 | 47.2"), hub: "hustvl/DiffusionVL-Qwen2.5VL-3B" },
    },
    { group, model: "block size 16", blockSize: 16, type: "Block-Diff.", cells: cells("77.4 | 61.6 | 31.0 | 46.6") },
  ],
}
