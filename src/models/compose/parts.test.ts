/** The connector alone is a model folder, as long as the parts are there. */

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it, vi } from "vitest"
import { type SmallTextModel, writeSmallTextModel } from "../../../test/support/small-text-model.js"
import { writeSmallTower } from "../../../test/support/small-towers.js"
import { type LoadedModel, loadCheckpoint, loadModel } from "../load.js"
import { composeModel } from "./compose.js"
import { saveComposed, saveParts } from "./save-composed.js"

const root = mkdtempSync(join(tmpdir(), "parts-"))
const [language, tower, parts, whole] = ["language", "tower", "parts", "whole"].map((name) => join(root, name))
const file = join(parts, "parts.json")
let words: SmallTextModel
let expected: LoadedModel
beforeAll(async () => {
  words = await writeSmallTextModel(root)
  cpSync(words.folder, language, { recursive: true })
  await writeSmallTower(tower, "clip")
  const composed = composeModel({ language, tower, anyres: 2 })
  await saveParts(parts, composed)
  await saveComposed(whole, composed)
  expected = loadModel(whole, { dtype: "float32" })
})
afterAll(() => rmSync(root, { recursive: true }))

const valuesOf = ({ model }: LoadedModel, name: string): number[] => {
  const weight = model.parameters().get(name)!
  return [...(weight.toArray() as Float32Array)]
}

it("opens as the whole model does", () => {
  expect(readdirSync(parts).filter((name) => name.endsWith(".safetensors"))).toEqual(["connector.safetensors"])
  const opened = loadModel(parts, { dtype: "float32" })
  expect(opened.checkpoint.config).toEqual(expected.checkpoint.config)
  for (const name of expected.model.parameters().keys())
    expect(valuesOf(opened, name), name).toEqual(valuesOf(expected, name))
})

it("is taken over by a later model", () => {
  const { checkpoint } = composeModel({ language, tower, connectorFrom: parts, seed: 9 })
  const connector = "model.mm_projector.2.weight"
  expect(valuesOf(loadCheckpoint(checkpoint, { dtype: "float32" }), connector)).toEqual(valuesOf(expected, connector))
})

it("is refused between other parts than its own", async () => {
  // Another tower of the same shape is not the one that the connector was made for.
  const weights = readFileSync(join(tower, "model.safetensors"))
  writeFileSync(join(tower, "model.safetensors"), Buffer.from(weights).fill(0x3c, weights.length - 4000))
  expect(() => loadModel(parts)).toThrow(/the connector was trained with another vision tower/)
  writeFileSync(join(tower, "model.safetensors"), weights)
  const siglip = await writeSmallTower(join(root, "siglip"), "siglip")
  const record = JSON.parse(readFileSync(file, "utf8"))
  for (const [change, sentence] of [
    [{ language: { ...record.language, folder: parts } }, /is a connector with names of parts, no language model/],
    [{ language: { ...record.language, folder: words.folder, name: "x" }, tower: {} }, /tower\.name/],
    [{ language: { name: "x", folder: siglip } }, /this is a vision tower \(SigLIP/],
    [{ tower: { name: "x", folder: siglip } }, /connector, parts and config.json do not fit/],
  ] as const) {
    writeFileSync(file, JSON.stringify({ ...record, ...change }))
    expect(() => loadModel(parts)).toThrow(sentence)
  }
  writeFileSync(file, JSON.stringify(record))
})

it("finds a part that is elsewhere, but downloaded from the hub there too; else says that it is gone", () => {
  const record = JSON.parse(readFileSync(file, "utf8"))
  const commit = "c".repeat(40)
  const hub = join(root, "hub", "models--org--words")
  mkdirSync(join(hub, "refs"), { recursive: true })
  writeFileSync(join(hub, "refs", "main"), commit)
  cpSync(language, join(hub, "snapshots", commit), { recursive: true })
  vi.stubEnv("HF_HUB_CACHE", join(root, "hub"))
  const moved = { ...record.language, name: "org/words", folder: join(root, "gone") }
  writeFileSync(file, JSON.stringify({ ...record, language: moved }))
  expect(loadModel(parts, { dtype: "float32" }).checkpoint.config).toEqual(expected.checkpoint.config)
  vi.unstubAllEnvs()
  writeFileSync(file, JSON.stringify(record))
  rmSync(language, { recursive: true })
  expect(() => loadModel(parts)).toThrow(/the language model that the connector belongs to, .* is no longer at/)
})
