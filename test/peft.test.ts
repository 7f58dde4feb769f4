/**
 * Adapters that are trained here, in PEFT itself: where there is a Python that has it (python3, or what DIFFUSIONVL_PYTHON names).
 * PEFT's recorded numbers, and adapters of PEFT here: src/models/adapters/adapter.test.ts.
 */

import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect } from "vitest"
import { loadModel } from "../src/models/load.js"
import { setThreads } from "../src/torch/index.js"
import { finishedModel } from "../src/train/trainer.js"
import { logitsOf, loraFixtures } from "./support/lora-fixtures.js"
import { needs } from "./support/needs.js"
import { run } from "./support/run-training.js"
import { type SmallTextModel, writeSmallTextModel } from "./support/small-text-model.js"
import { smallTraining } from "./support/small-vlm.js"

const PYTHON = process.env.DIFFUSIONVL_PYTHON ?? "python3"
const found = spawnSync(PYTHON, ["-c", "import peft, torch, transformers"]).status === 0
const peft = needs(found, "a Python with peft and transformers: DIFFUSIONVL_PYTHON")

const folder = mkdtempSync(join(tmpdir(), "dvl-peft-"))
let text: SmallTextModel
beforeAll(async () => {
  setThreads(1)
  text = await writeSmallTextModel(folder)
})
afterAll(() => rmSync(folder, { recursive: true }))

const RECIPES: Record<string, object> = {
  "an autoregressive adapter": { paradigm: "autoregressive", lora: { rank: 3, rslora: true, dropout: 0.1 } },
  "a block-diffusion adapter, whose mask is a new row of the embedding": {
    paradigm: "block-diffusion",
    block_diffusion: { block_size: 4 },
    lora: { rank: 2, target: ["q_proj", "down_proj"], modules_to_save: ["norm"] },
  },
}

for (const [i, [title, keys]] of Object.entries(RECIPES).entries())
  peft.it(title, async () => {
    const data = { model: text.folder, data: text.data, recordCount: 2 }
    const train = { max_steps: 5, accumulate: 1, learning_rate: 0.05 }
    const config = smallTraining(data, join(folder, `run-${i}`), { ...keys, train })
    await run(config)
    const adapter = finishedModel(config.output)
    const ids = [5, 9, 47, 3, 11, 20]
    const program = [join(loraFixtures, "make.py"), "check", text.folder, adapter, JSON.stringify(ids)]
    const { stdout, stderr, status } = spawnSync(PYTHON, program, { encoding: "utf8" })
    expect(status, stderr).toBe(0)
    const expected: number[][] = JSON.parse(stdout).logits
    const ours = logitsOf(loadModel(adapter, { dtype: "float32", device: "cpu" }), ids)
    const untrained = logitsOf(loadModel(text.folder, { dtype: "float32", device: "cpu" }), ids)
    // Less that of a new mask: nobody predicts it, and its row of the head is whatever transformers makes of it.
    const furthest = (from: number[][]): number =>
      Math.max(
        ...expected.flatMap((row, r) => row.slice(0, text.vocabulary).map((value, c) => Math.abs(value - from[r][c]))),
      )
    expect(expected.map((row) => row.length)).toEqual(ours.map((row) => row.length))
    expect(furthest(ours)).toBeLessThan(2e-4)
    expect(furthest(untrained)).toBeGreaterThan(0.1)
  })
