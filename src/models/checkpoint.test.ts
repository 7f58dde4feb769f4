/** Model folders of every layout, strictness, and stale vision files. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { asDiffusion } from "../../test/support/as-diffusion.js"
import { goldenPath, needsGolden } from "../../test/support/golden.js"
import {
  canonicalEntries,
  publishedEntries,
  smallConfig,
  weightBytes,
  writeSmallModel,
} from "../../test/support/small-checkpoint.js"
import { createFolder } from "../checkpoint/files.js"
import { fillName, ruleOfCanonical, ruleOfStored } from "../checkpoint/layout.js"
import { readTensor, type TensorLocation, writeTensors } from "../checkpoint/safetensors/safetensors.js"
import { UserError } from "../errors.js"
import { convert } from "../paradigms/convert.js"
import { readCheckpoint } from "./checkpoint.js"
import { converted, published, released } from "./families/qwen2_5_vl.js"
import { normaliseConfig } from "./read-config.js"
import { expectedTensors } from "./registry.js"
import { writeModel } from "./save.js"

let root: string
let model: string
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "checkpoint-"))
  model = path.join(root, "model")
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

const untied = smallConfig({ tie_word_embeddings: false })

function expectWeightsByName(folder: string): void {
  const { tensors } = readCheckpoint(folder)
  for (const [name, location] of tensors as Map<string, TensorLocation>)
    expect(Buffer.from(readTensor(location)), name).toEqual(Buffer.from(weightBytes(name, location.bytes / 2)))
  expect(tensors.size).toBeGreaterThan(20)
}

function problem(folder: string): string {
  try {
    readCheckpoint(folder)
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    return (error as UserError).format()
  }
  throw new Error("nothing was thrown")
}

describe("layouts", () => {
  it.each([smallConfig(), untied])("published names, tied and untied", async (config) => {
    await writeSmallModel(model, config)
    const checkpoint = readCheckpoint(model)
    expect(checkpoint.layout).toBe("qwen2_5_vl")
    expect([...checkpoint.tensors.keys()].sort()).toEqual([...expectedTensors(checkpoint.config).keys()].sort())
    expectWeightsByName(model)
  })

  it("newer names with language_model and model.visual, sharded", async () => {
    const rename = (name: string) =>
      name.replace(/^visual\./, "model.visual.").replace(/^model\.(?!visual)/, "model.language_model.")
    await writeSmallModel(model, untied, { rename, maxShardBytes: 5000 })
    expect(readCheckpoint(model).weightFiles.length).toBeGreaterThan(2)
    expectWeightsByName(model)
  })

  it("converted and released folders of the same model have the same tensors", async () => {
    await writeSmallModel(model, untied)
    await convert(model, path.join(root, "converted"), { layout: "converted" })
    await convert(model, path.join(root, "released"), { maxShardBytes: 20000 })
    const converted = readCheckpoint(path.join(root, "converted"))
    const released = readCheckpoint(path.join(root, "released"))
    expect([converted.layout, released.layout]).toEqual(["converted", "released"])
    expect([...converted.tensors.keys()].sort()).toEqual([...released.tensors.keys()].sort())
    expect(converted.weightFiles).toEqual(["model.safetensors", "projector.safetensors", "vision_tower.safetensors"])
    expectWeightsByName(path.join(root, "released"))
  })

  it("every layout's names lead back to the canonical ones", () => {
    for (const layout of [published, released, converted])
      for (const name of expectedTensors(normaliseConfig(untied)).keys()) {
        const { rule, values } = ruleOfCanonical(layout, name)!
        const stored = fillName(rule.stored as string, values)
        const back = ruleOfStored(layout, stored, rule.file ?? "model.safetensors")!
        expect(fillName(back.rule.canonical as string, back.values), layout.name).toBe(name)
      }
  })

  it("a stale vision_tower.safetensors beside trained shards is not read", async () => {
    await writeSmallModel(model)
    await convert(model, path.join(root, "converted"), { layout: "converted" })
    const trained = path.join(root, "trained")
    const config = asDiffusion(normaliseConfig(smallConfig()))
    await writeModel(trained, config, canonicalEntries(smallConfig()))
    for (const file of ["vision_tower.safetensors", "projector.safetensors"])
      fs.copyFileSync(path.join(root, "converted", file), path.join(trained, file))
    const checkpoint = readCheckpoint(trained)
    expect(checkpoint.layout).toBe("released")
    expect(checkpoint.weightFiles).toEqual(["model.safetensors"])
    expect(checkpoint.ignoredFiles).toEqual(["vision_tower.safetensors", "projector.safetensors"])
    expectWeightsByName(trained)
  })
})

describe("strictness", () => {
  const change = async (
    edit: (entries: ReturnType<typeof canonicalEntries>) => ReturnType<typeof canonicalEntries>,
  ) => {
    await writeSmallModel(model, untied)
    const entries = publishedEntries(untied)
    await writeTensors(model, edit(entries))
  }

  it("names missing tensors", async () => {
    await change((entries) =>
      entries.filter(({ name }) => name !== "lm_head.weight" && !name.startsWith("visual.blocks.1.")),
    )
    expect(problem(model)).toMatch(
      /13 tensors missing: lm_head.weight, model.vision_tower.vision_tower.blocks.1.norm1.weight, .* and 8 more/,
    )
  })

  it("names unexpected tensors", async () => {
    const extra = (name: string) => ({ name, dtype: "float32" as const, shape: [1], data: () => new Uint8Array(4) })
    await change((entries) => [...entries, extra("adapter.weight"), extra("model.layers.2.input_layernorm.weight")])
    expect(problem(model)).toMatch(/2 tensors unexpected: adapter.weight, model.layers.2.input_layernorm.weight/)
  })

  it("names mis-shaped tensors with both shapes, and types that are not weights", async () => {
    await change((entries) =>
      entries.map((entry) => {
        if (entry.name === "model.norm.weight") return { ...entry, shape: [4, 4] }
        if (entry.name === "visual.merger.ln_q.weight") return { ...entry, dtype: "int16" }
        return entry
      }),
    )
    expect(problem(model)).toMatch(
      /2 tensors of the wrong kind: model.norm.weight is \[4, 4\], not \[16\], model.*ln_q.weight is int16/,
    )
  })

  it("two names for one tensor", async () => {
    await change((entries) => [...entries, { ...entries[0], name: "model.language_model.embed_tokens.weight" }])
    expect(problem(model)).toMatch(/both model.embed_tokens.weight/)
  })

  it("a converted folder without its vision files names them", async () => {
    await writeSmallModel(path.join(root, "source"))
    await convert(path.join(root, "source"), model, { layout: "converted" })
    fs.rmSync(path.join(model, "projector.safetensors"))
    expect(problem(model)).toMatch(/vision weights are missing: projector.safetensors/)
  })

  it("a truncated checkpoint: file, expected and actual bytes", async () => {
    await writeSmallModel(model)
    const file = path.join(model, "model.safetensors")
    const size = fs.statSync(file).size
    fs.truncateSync(file, size - 1000)
    expect(problem(model)).toContain(`${file}: the file is incomplete: expected ${size} bytes, found ${size - 1000}`)
  })

  it("a second copy of a tied head is accepted only when it is a copy", async () => {
    await writeSmallModel(model)
    const entries = publishedEntries(smallConfig())
    const embedding = entries.find(({ name }) => name === "model.embed_tokens.weight")!
    const head = { ...embedding, name: "lm_head.weight" }
    await writeTensors(model, [...entries, head])
    expect(readCheckpoint(model).tensors.has("lm_head.weight")).toBe(false)
    await writeTensors(model, [...entries, { ...head, data: () => new Uint8Array(64 * 16 * 2) }])
    expect(problem(model)).toMatch(/lm_head.weight differs from the embedding/)
  })
})

describe("writing a model", () => {
  it("an autoregressive model is written as published, a diffusion model as released", async () => {
    const config = normaliseConfig(smallConfig())
    await createFolder(path.join(root, "ar"), async (staging) => {
      await writeModel(staging, config, canonicalEntries(smallConfig()))
    })
    await createFolder(model, async (staging) => {
      await writeModel(staging, asDiffusion(config), canonicalEntries(smallConfig()))
    })
    expect(readCheckpoint(path.join(root, "ar")).layout).toBe("qwen2_5_vl")
    expect(readCheckpoint(model).layout).toBe("released")
    expectWeightsByName(path.join(root, "ar"))
    expect(fs.readdirSync(root).sort()).toEqual(["ar", "model"])
  })

  it("refuses an incomplete set of tensors", async () => {
    const entries = canonicalEntries(smallConfig())
    await expect(writeModel(model, normaliseConfig(smallConfig()), entries.slice(1))).rejects.toThrow(
      /without model.embed_tokens/,
    )
  })
})

const models = goldenPath("models")
needsGolden.describe("reference checkpoints are read unchanged", () => {
  it.each([
    ["tiny-qwen2_5_vl", "qwen2_5_vl"],
    ["tiny-dvl-qwenvl", "released"],
    ["small-qwen2_5_vl-tied", "qwen2_5_vl"],
    ["small-qwen2_5_vl-tied-converted", "converted"],
    ["small-qwen2_5_vl-untied-converted", "converted"],
  ])("%s", (folder, layout) => {
    const checkpoint = readCheckpoint(path.join(models, folder))
    expect(checkpoint.layout).toBe(layout)
    expect(checkpoint.tensors.size).toBe(expectedTensors(checkpoint.config).size)
  })

  it("the converted one whose model.safetensors was left out is incomplete", () => {
    const partial = path.join(models, "tiny-qwen2_5_vl-converted")
    const folder = path.join(root, "incomplete")
    fs.cpSync(partial, folder, { recursive: true })
    fs.rmSync(path.join(folder, "model.safetensors"), { force: true })
    expect(problem(folder)).toMatch(/no weights/)
  })
})
