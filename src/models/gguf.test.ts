/** A model in a GGUF file is the model of the folder that it was made from: configuration, weights, tokenizer, template. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { ggufBytes, tinyGguf } from "../../test/support/gguf.js"
import { type SmallTextModel, writeSmallTextModel } from "../../test/support/small-text-model.js"
import { ggufFile } from "../checkpoint/gguf/find.js"
import { resolveModel } from "../hub/resolve.js"
import { convert } from "../paradigms/convert.js"
import { TemplateFormat } from "../text/formats/template-format.js"
import { Tokenizer } from "../text/tokenizer/tokenizer.js"
import { loadModel } from "./load.js"
import { readConfig } from "./read-config.js"

const root = mkdtempSync(join(tmpdir(), "gguf-models-"))
let small: SmallTextModel
beforeAll(async () => {
  small = await writeSmallTextModel(root)
})
afterAll(() => rmSync(root, { recursive: true }))

const values = (source: string, dtype: "float32" | "bfloat16" = "float32") =>
  [...loadModel(source, { dtype, device: "cpu" }).model.parameters()].map(([name, weight]) => ({
    name,
    dtype: weight.dtype,
    values: weight.to("float32").toArray(),
  }))

it("has the configuration, the weights and the words of the folder", () => {
  const [folder, file] = [small.folder, small.gguf].map(readConfig)
  expect({ ...file, raw: {} }).toEqual({ ...folder, raw: {} })
  expect(values(small.gguf)).toEqual(values(small.folder))
  const messages = [{ role: "user" as const, content: "What colour is this? <|im_end|> 12 é" }]
  const [theirs, ours] = [small.folder, small.gguf].map((source) =>
    TemplateFormat.load(source, Tokenizer.load(source))!.prompt(messages),
  )
  expect(ours).toEqual(theirs)
})

it("is found by its path, and by the folder that holds nothing else", async () => {
  const found = { folder: small.gguf, source: "file" }
  expect(await resolveModel(small.gguf)).toEqual(found)
  expect(await resolveModel(dirname(small.gguf))).toEqual(found)
  expect(ggufFile(small.folder)).toBeUndefined()
  await expect(resolveModel(join(root, "nothing.gguf"))).rejects.toThrow("there is no such model")
  await expect(resolveModel("org/nothing.gguf")).rejects.toThrow("there is no such model")
})

it("is not guessed among several; parts and projectors are no other models", async () => {
  const folder = join(root, "several")
  mkdirSync(folder)
  copyFileSync(small.gguf, join(folder, "a-00001-of-00002.gguf"))
  for (const name of ["a-00002-of-00002.gguf", "mmproj-a.gguf"]) writeFileSync(join(folder, name), "")
  expect(ggufFile(folder)).toBe(join(folder, "a-00001-of-00002.gguf"))
  copyFileSync(small.gguf, join(folder, "b.gguf"))
  await expect(resolveModel(folder)).rejects.toMatchObject({
    message: "the folder has 2 GGUF files: a-00001-of-00002.gguf, b.gguf",
    fix: "name the file",
  })
})

it("quantised weights become numbers of the type that is computed in, others stay as they are", () => {
  const parts = tinyGguf("qwen3", { heads: 8, keyValueHeads: 4, width: 8 })
  const file = join(root, "quantised.gguf")
  // Q8_0: a scale of 1/256 in float16, and 32 whole numbers.
  const block = Buffer.concat([
    Buffer.from([0x00, 0x1c]),
    Buffer.from(Array.from({ length: 32 }, (_, i) => i * 7 - 100)),
  ])
  const down = { name: "blk.0.ffn_down.weight", type: 8, shape: [8, 32], data: Buffer.concat(Array(8).fill(block)) }
  const wide = { "qwen3.feed_forward_length": ["u32", 32] } as const
  const tensors = parts.tensors
    .filter(({ name }) => !name.includes("ffn_down"))
    .map((tensor) =>
      /ffn_(gate|up)/.test(tensor.name) ? { ...tensor, shape: [32, 8], data: new Uint8Array(4 * 256) } : tensor,
    )
  const norms = ["q", "k"].map((part) => ({
    name: `blk.0.attn_${part}_norm.weight`,
    type: 0,
    shape: [8],
    data: new Uint8Array(32),
  }))
  writeFileSync(file, ggufBytes({ metadata: { ...parts.metadata, ...wide }, tensors: [...tensors, ...norms, down] }))
  const loaded = (dtype: "float32" | "bfloat16") =>
    values(file, dtype).find(({ name }) => name.endsWith("down_proj.weight"))
  const row = Array.from({ length: 32 }, (_, i) => ((((i * 7 - 100) % 256) + 128 + 256) % 256) - 128).map(
    (n) => n / 256,
  )
  expect(loaded("float32")).toMatchObject({ dtype: "float32", values: Float32Array.from(Array(8).fill(row).flat()) })
  expect(loaded("bfloat16")).toMatchObject({ dtype: "bfloat16", values: Float32Array.from(Array(8).fill(row).flat()) })
})

it("becomes a folder, autoregressive as it was or with a mask for diffusion", async () => {
  const [same, diffusion] = [join(root, "same"), join(root, "diffusion")]
  await convert(small.gguf, same, { paradigm: "autoregressive" })
  expect(values(same)).toEqual(values(small.folder))
  await convert(small.gguf, diffusion)
  const { text, tokens, paradigm } = readConfig(diffusion)
  expect([text.vocabSize, tokens.mask, paradigm.name]).toEqual([
    small.vocabulary + 1,
    small.vocabulary,
    "block-diffusion",
  ])
  expect(values(diffusion).find(({ name }) => name.startsWith("lm_head"))?.values.length).toBe(
    (small.vocabulary + 1) * 32,
  )
  for (const folder of [same, diffusion])
    expect(TemplateFormat.load(folder, Tokenizer.load(folder))?.template.source).toBe(
      TemplateFormat.load(small.folder, Tokenizer.load(small.folder))?.template.source,
    )
})
