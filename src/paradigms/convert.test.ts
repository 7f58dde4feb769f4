/** Conversion: exact values, the reference converter's bytes, and folders that appear whole or not at all. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { goldenPath, needsGolden } from "../../test/support/golden.js"
import { smallConfig, writeSmallModel } from "../../test/support/small-checkpoint.js"
import { toFloat32 } from "../checkpoint/element-types.js"
import { openTensors, readHeader, readTensor, type TensorLocation } from "../checkpoint/safetensors/safetensors.js"
import { readView, type TensorView } from "../checkpoint/tensor-view.js"
import { readCheckpoint } from "../models/checkpoint.js"
import { convert, planConversion } from "./convert.js"

let root: string
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "convert-"))
})
afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

const valuesOf = (view: TensorView): Float32Array =>
  toFloat32(new Uint8Array(Buffer.concat([...readView(view)])), view.dtype)

const json = (...parts: string[]) => JSON.parse(fs.readFileSync(path.join(...parts), "utf8"))

describe("widening", () => {
  it("bf16 keeps its bits as the upper half", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), (bits) => {
        const wide = new Uint32Array(toFloat32(new Uint8Array(Uint16Array.of(bits).buffer), "bfloat16").buffer)[0]
        expect(wide).toBe((bits << 16) >>> 0)
      }),
    )
  })

  it("fp16 is its mathematical value, for every bit pattern", () => {
    const all = Uint16Array.from({ length: 65536 }, (_, bits) => bits)
    const wide = toFloat32(new Uint8Array(all.buffer), "float16")
    for (const bits of all) {
      const [exponent, mantissa] = [(bits >> 10) & 31, bits & 1023]
      const magnitude =
        exponent === 31
          ? mantissa
            ? Number.NaN
            : Infinity
          : exponent
            ? 2 ** (exponent - 15) * (1 + mantissa / 1024)
            : 2 ** -24 * mantissa
      expect(Object.is(wide[bits], bits & 0x8000 ? -magnitude : magnitude), String(bits)).toBe(true)
    }
  })
})

describe("converting", () => {
  const source = () => path.join(root, "source")
  const out = () => path.join(root, "out")
  beforeEach(() => writeSmallModel(source(), smallConfig({ tie_word_embeddings: false }), { maxShardBytes: 30000 }))

  it("writes exactly the planned files", async () => {
    const plan = planConversion(source())
    await convert(source(), out(), { layout: "converted" })
    const planned = [
      ...plan.weightFiles.map(({ file }) => file),
      ...plan.jsonFiles.map(({ file }) => file),
      ...plan.copiedFiles,
    ]
    expect(fs.readdirSync(out()).sort()).toEqual(planned.sort())
    expect(plan.copiedFiles).toEqual(["preprocessor_config.json", "tokenizer_config.json"])
    const written = [...readHeader(path.join(out(), "vision_tower.safetensors")).tensors]
    expect(written.length).toBeGreaterThan(10)
    expect(written.every(([, { dtype }]) => dtype === "float32")).toBe(true)
    expect(readHeader(path.join(out(), "model.safetensors")).metadata).toEqual({})
  })

  it("the released layout keeps types and bytes, and takes block-diffusion settings", async () => {
    await convert(source(), out(), { record: { block_size: 16, shift: "next" } })
    const [before, after] = [readCheckpoint(source()), readCheckpoint(out())]
    expect(after.config.paradigm.options).toMatchObject({ enabled: true, block_size: 16, shift: "next" })
    expect([...after.tensors.keys()].sort()).toEqual([...before.tensors.keys()].sort())
    for (const [name, location] of after.tensors as Map<string, TensorLocation>) {
      expect(location.dtype).toBe("bfloat16")
      expect(Buffer.from(readTensor(location))).toEqual(
        Buffer.from(readTensor(before.tensors.get(name) as TensorLocation)),
      )
    }
    expect([...after.tensors.keys()].sort()).toEqual([...before.tensors.keys()].sort())
    expect(json(out(), "config.json").dtype).toBe("bfloat16")
  })

  it("takes a mask that is no token of the tokenizer, and says which in config.json", async () => {
    const vocab = Object.fromEntries(Array.from({ length: 63 }, (_, i) => [`t${i}`, i]))
    const model = { type: "BPE", vocab, merges: [] }
    fs.writeFileSync(path.join(source(), "tokenizer.json"), JSON.stringify({ model }))
    for (const layout of ["converted", "released"] as const) {
      await convert(source(), path.join(root, layout), { layout })
      expect(json(root, layout, "config.json").mask_token_id).toBe(63)
    }
    fs.writeFileSync(
      path.join(source(), "tokenizer.json"),
      JSON.stringify({ model, added_tokens: [{ id: 63, content: "<mine>", special: true }] }),
    )
    for (const layout of ["converted", "released"] as const) {
      const grown = path.join(root, `${layout}-grown`)
      await convert(source(), grown, { layout })
      const { config, tensors } = readCheckpoint(grown)
      expect([config.tokens.mask, config.text.vocabSize]).toEqual([64, 65])
      for (const name of ["model.embed_tokens.weight", "lm_head.weight"]) {
        const values = valuesOf(tensors.get(name)!)
        expect(values.slice(0, 64 * 16)).toEqual(valuesOf(readCheckpoint(source()).tensors.get(name)!))
        for (let column = 0; column < 16; column++) {
          const others = Array.from({ length: 64 }, (_, row) => values[row * 16 + column])
          const mean = others.reduce((a, b) => a + b) / 64
          expect(Math.abs(values[64 * 16 + column] - mean)).toBeLessThan(2 ** -12)
        }
      }
    }
  })

  it("reports progress up to the total, in both layouts", async () => {
    for (const layout of ["converted", "released"] as const) {
      const seen: [number, number][] = []
      await convert(source(), path.join(root, layout), {
        layout,
        onProgress: (written, total) => seen.push([written, total]),
      })
      expect(seen.at(-1)![0]).toBe(seen.at(-1)![1])
      expect(seen.every(([written], i) => i === 0 || written >= seen[i - 1][0])).toBe(true)
    }
    const converted = openTensors(path.join(root, "converted"))
    expect(converted.size).toBeGreaterThan(0)
  })

  it("refuses a folder with content, and leaves nothing when it fails", async () => {
    fs.mkdirSync(out())
    fs.writeFileSync(path.join(out(), "mine.txt"), "")
    await expect(convert(source(), out())).rejects.toThrow(/exists already and is not empty/)
    fs.rmSync(out(), { recursive: true })
    const onProgress = () => {
      throw new Error("stopped")
    }
    await expect(convert(source(), out(), { onProgress })).rejects.toThrow("stopped")
    expect(fs.readdirSync(root)).toEqual(["source"])
  })

  it("sweeps what a killed run left, and only that", async () => {
    fs.mkdirSync(path.join(root, ".out.999999999.partial"))
    fs.mkdirSync(path.join(root, `.other.${process.pid}.partial`))
    await convert(source(), out())
    expect(fs.readdirSync(root).sort()).toEqual([`.other.${process.pid}.partial`, "out", "source"])
  })
})

const models = goldenPath("models")
needsGolden.describe("against the reference converter", () => {
  const pairs = fs.existsSync(models)
    ? fs.readdirSync(models).filter((name) => fs.existsSync(path.join(models, `${name}-converted`)))
    : []

  it.each(pairs)("%s: the same files", async (name) => {
    const [out, reference] = [path.join(root, name), path.join(models, `${name}-converted`)]
    await convert(path.join(models, name), out, { layout: "converted" })
    const files = (folder: string) =>
      fs
        .readdirSync(folder)
        .filter((file) => file !== "model.safetensors")
        .sort()
    expect(files(out)).toEqual(files(reference))
  })
})
