/** Whole models: weights by their usual names, rows in their usual order, and models in parts. */
import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { floats, type GgufParts, ggufBytes, tinyGguf } from "../../../test/support/gguf.js"
import { UserError } from "../../errors.js"
import { openGgufModel } from "./model.js"
import { readWeights } from "./weights.js"

const fixtures = path.resolve(import.meta.dirname, "../../../test/fixtures/gguf")
let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "gguf-"))
})
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

function write(name: string, parts: GgufParts): string {
  const file = path.join(folder, name)
  fs.writeFileSync(file, ggufBytes(parts))
  return file
}
function refusal(file: string): string {
  try {
    openGgufModel(file)
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    return (error as UserError).format()
  }
  throw new Error("it was accepted")
}

it("a Llama's queries and keys come back in the order of Hugging Face", () => {
  const { permuted } = JSON.parse(fs.readFileSync(path.join(fixtures, "expected.json"), "utf8"))
  const { weights, config } = openGgufModel(path.join(fixtures, "llama.gguf"))
  expect(config).toMatchObject({ model_type: "llama", head_dim: 8, tie_word_embeddings: false, rope_theta: 50_000 })
  for (const part of ["q", "k"]) {
    const { tensor, rowOrder } = weights.get(`model.layers.0.self_attn.${part}_proj.weight`)!
    const out = new Float32Array(tensor.shape[0] * tensor.shape[1])
    readWeights(tensor, out, rowOrder)
    expect(Buffer.from(out.buffer).toString("base64")).toBe(permuted[`blk.0.attn_${part}.weight`])
  }
  expect(weights.get("model.layers.0.self_attn.v_proj.weight")!.rowOrder).toBeUndefined()
})

it("the biases of queries are put back too", () => {
  const parts = tinyGguf("llama")
  const bias = floats("blk.0.attn_q.bias", [8], [0, 2, 1, 3, 4, 6, 5, 7])
  const { weights } = openGgufModel(write("model.gguf", { ...parts, tensors: [...parts.tensors, bias] }))
  const { tensor, rowOrder } = weights.get("model.layers.0.self_attn.q_proj.bias")!
  const out = new Float32Array(8)
  readWeights(tensor, out, rowOrder)
  expect([...out]).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
})

it("has every weight by its name, and no auxiliary tensors", () => {
  const parts = tinyGguf("llama")
  const { weights } = openGgufModel(
    write("model.gguf", { ...parts, tensors: [...parts.tensors, floats("rope_freqs.weight", [2], [1, 1])] }),
  )
  expect(weights.size).toBe(parts.tensors.length)
  expect(weights.get("model.embed_tokens.weight")?.tensor.shape).toEqual([6, 8])
})

it("refuses tensors that the family does not have, and queries that its heads do not fit", () => {
  const parts = tinyGguf("qwen3")
  const more = { ...parts, tensors: [...parts.tensors, floats("blk.0.ssm_in.weight", [2])] }
  expect(refusal(write("model.gguf", more))).toMatch(/tensor blk\.0\.ssm_in\.weight is none of a qwen3 model/)
  const llama = tinyGguf("llama")
  const tensors = llama.tensors.map((tensor) =>
    tensor.name === "blk.0.attn_k.weight" ? floats(tensor.name, [6, 8]) : tensor,
  )
  expect(refusal(write("model.gguf", { ...llama, tensors }))).toMatch(/attn_k\.weight has 6 rows; its heads have 4/)
  const heads = { ...llama.metadata, "llama.attention.head_count_kv": ["u32", 2 ** 31] } as const
  expect(refusal(write("model.gguf", { ...llama, metadata: heads }))).toMatch(/its heads have 8589934592/)
  const wide = tinyGguf("llama", { width: 16 })
  const bias = { name: "blk.0.attn_q.bias", type: 8, shape: [32], data: new Uint8Array(34) }
  expect(refusal(write("model.gguf", { ...wide, tensors: [...wide.tensors, bias] }))).toMatch(/a vector of type Q8_0/)
})

describe("a model in parts", () => {
  const whole = tinyGguf("qwen3")
  const name = (part: number) => `m-0000${part}-of-00002.gguf`
  const writeParts = (second = whole.tensors.slice(5)) => {
    const split = { "split.count": ["u16", 2], "split.tensors.count": ["i32", whole.tensors.length] } as const
    const first = write(name(1), { metadata: { ...whole.metadata, ...split }, tensors: whole.tensors.slice(0, 5) })
    return [first, write(name(2), { metadata: split, tensors: second })]
  }

  it("is opened by any of them", () => {
    for (const file of writeParts()) {
      const { weights, config } = openGgufModel(file)
      expect(weights.size).toBe(whole.tensors.length)
      expect(config.model_type).toBe("qwen3")
      expect(weights.get("model.norm.weight")?.tensor.file).toBe(path.join(folder, name(2)))
    }
  })

  it("is refused where one is missing, has another name, or holds the wrong tensors", () => {
    const [first, second] = writeParts()
    fs.rmSync(second)
    expect(refusal(first)).toMatch(/1 of 2 parts are missing, the first is m-00002-of-00002\.gguf/)
    writeParts(whole.tensors.slice(4))
    expect(refusal(first)).toMatch(/is in another part of the model too/)
    writeParts(whole.tensors.slice(6))
    expect(refusal(first)).toMatch(/have 10 of 11 tensors/)
    fs.renameSync(first, path.join(folder, "model.gguf"))
    expect(refusal(path.join(folder, "model.gguf"))).toMatch(/one of 2 parts .* its name does not say which/)
  })
})
