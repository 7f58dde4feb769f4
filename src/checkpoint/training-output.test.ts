import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { resolveModel } from "../hub/resolve.js"
import { modelFolders } from "../models/adapters/adapter-folders.js"
import { readConfig } from "../models/read-config.js"

const root = mkdtempSync(join(tmpdir(), "dvl-output-"))
afterAll(() => rmSync(root, { recursive: true }))

function folder(name: string, files: string[]): string {
  for (const file of files) {
    const path = join(root, name, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, "{}")
  }
  return join(root, name)
}

it.each([
  ["training", ["model/config.json", "checkpoint-9/config.json", "metrics.jsonl"], /: its model.* give \S+\/model$/],
  ["stages", ["stage-1/model/config.json", "stage-2/model/adapter_config.json"], /give \S+\/stage-2\/model$/],
  ["first stage", ["stage-1/model/config.json", "stage-2/tensorboard/x"], /give .+\/stage-1\/model$/],
  ["not done", ["stage-1/checkpoint-9/config.json", "stage-1/checkpoint-10/config.json"], /\/stage-1\/checkpoint-10$/],
  ["stopped", ["checkpoint-800/config.json"], /not done: its last checkpoint.* give \S+\/checkpoint-800$/],
  ["several", ["block-4/model/config.json", "composed/config.json"], /give one of \S+\/block-4\/model, \S+\/composed$/],
])("a folder of a training says which model in it is meant: %s", async (name, files, sentence) => {
  const found = folder(name, files)
  const errors: unknown[] = []
  await resolveModel(found).catch((error) => errors.push(error))
  for (const read of [readConfig, modelFolders])
    try {
      read(found)
    } catch (error) {
      errors.push(error)
    }
  expect(errors).toHaveLength(3)
  for (const error of errors) {
    expect(error).toMatchObject({ where: found, message: expect.stringMatching(/^it is no model, but /) })
    const { message, fix } = error as { message: string; fix: string }
    expect(`${message}. ${fix}`).toMatch(sentence)
  }
})

it.each([
  ["a model with checkpoints beside it", ["config.json", "checkpoint-3/config.json"]],
  ["an adapter", ["adapter_config.json", "checkpoint-3/adapter_config.json"]],
  ["a tokenizer alone", ["tokenizer.json", "onnx/config.json"]],
  ["nothing of all", ["notes.txt"]],
])("takes %s as it is", async (name, files) => {
  const found = folder(name, files)
  expect(await resolveModel(found)).toEqual({ folder: found, source: "folder" })
})
