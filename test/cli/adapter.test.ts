/** Commands on an adapter's folder: the base is found, or named; merging writes a whole model. */

import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it, vi } from "vitest"
import { generateCommand } from "../../src/cli/answer/generate.js"
import { convertCommand } from "../../src/cli/convert.js"
import { dataCheck } from "../../src/cli/data.js"
import { openModel } from "../../src/generate/session.js"
import { setThreads } from "../../src/torch/index.js"
import { finishedModel } from "../../src/train/trainer.js"
import { run } from "../support/run-training.js"
import { type SmallTextModel, writeSmallTextModel } from "../support/small-text-model.js"
import { smallTraining } from "../support/small-vlm.js"

const folder = mkdtempSync(join(tmpdir(), "cli-adapter-"))
let text: SmallTextModel
let adapter: string
beforeAll(async () => {
  setThreads(1)
  text = await writeSmallTextModel(folder)
  const config = smallTraining({ model: text.folder, data: text.data, recordCount: 2 }, join(folder, "run"), {
    paradigm: "block-diffusion",
    block_diffusion: { block_size: 4 },
    lora: { rank: 2 },
    train: { max_steps: 1, accumulate: 1 },
  })
  await run(config)
  adapter = finishedModel(config.output)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** What a command prints. */
async function printed(command: () => Promise<unknown>): Promise<string> {
  const pieces: string[] = []
  const outputs = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, "write").mockImplementation((piece) => {
      pieces.push(String(piece))
      return true
    }),
  )
  try {
    await command()
    return pieces.join("")
  } finally {
    for (const output of outputs) output.mockRestore()
  }
}

const asking = {
  dtype: "float32",
  maxTokens: 8,
  stream: false,
  json: true,
  generationConfig: true,
  repeatNgramSize: true,
} as const

it("answers as the merged model does, with the base that it names or is told", async () => {
  const whole = join(folder, "whole")
  const convertOptions = { out: whole, merge: true, layout: "released", dtype: "float32" }
  expect(await printed(() => convertCommand(adapter, convertOptions))).toContain("as one model")
  const answers: string[] = []
  for (const model of [{ model: adapter }, { model: adapter, base: text.folder }, { model: whole }]) {
    const [json] = (await printed(() => generateCommand("Say hello.", { ...asking, ...model }))).split("\n")
    answers.push(JSON.parse(json).text)
  }
  expect(new Set(answers).size).toBe(1)
  expect((await openModel(adapter, { base: text.folder })).config.paradigm.name).toBe("block-diffusion")
})

it("checks data as the adapted model reads it", async () => {
  expect(await printed(() => dataCheck(text.data, { model: adapter, show: true }))).toContain(
    "2 of 2 records checked: all good",
  )
  const told = { model: adapter, base: text.folder }
  expect(await printed(() => dataCheck(text.data, told))).toContain("all good")
})

it("refuses what does not belong together, and writes nothing", async () => {
  const out = join(folder, "nothing")
  const merging = { out, merge: true, layout: "released", dtype: "float32" }
  await expect(convertCommand(adapter, { ...merging, paradigm: "autoregressive" })).rejects.toThrow(
    /merging does not change/,
  )
  await expect(convertCommand(text.folder, merging)).rejects.toThrow(/nothing to merge/)
  await expect(convertCommand(text.folder, { ...merging, base: text.folder })).rejects.toThrow(
    /whole model and no adapter/,
  )
  await expect(convertCommand(text.folder, { ...merging, merge: false, base: "x" })).rejects.toThrow(
    /only an adapter has a base/,
  )
  await expect(openModel(text.folder, { base: text.folder })).rejects.toThrow(/has no base/)
  expect(existsSync(out)).toBe(false)
})
