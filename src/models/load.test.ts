import { closeSync, cpSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { tinyConfig } from "../../test/support/tiny-model.js"
import { openTensors } from "../checkpoint/safetensors/safetensors.js"
import { causal } from "../nn/attention-pattern.js"
import { arange, backward, noGrad, type Tensor } from "../torch/index.js"
import { loadModel } from "./load.js"
import { initialiseWeights, type Model } from "./registry.js"
import { saveModel } from "./save.js"

const config = {
  ...tinyConfig,
  text: { ...tinyConfig.text, headDim: 8, mropeSection: [2, 1, 1] as [number, number, number] },
}
const folder = mkdtempSync(join(tmpdir(), "diffusionvl-load-"))
const weights = initialiseWeights(config, 11, { std: 0.2, dtype: "bfloat16" })
beforeAll(() => saveModel(folder, { config, parameters: weights }))
afterAll(() => rmSync(folder, { recursive: true }))

const hidden = (model: Model): Tensor =>
  model.forward({
    embeddings: model.embed(Int32Array.of(3, 9, 27)).unsqueeze(0),
    positions: arange(0, 3).unsqueeze(0),
    patterns: [causal(3)],
  })
const difference = (a: Tensor, b: Tensor): number => a.sub(b).abs().max().item()

it("keeps matrices in their stored type for inference, and everything in the compute type for training", () => {
  const served = loadModel(folder, { dtype: "float32", device: "cpu" })
  const trained = loadModel(folder, { dtype: "float32", device: "cpu", trainable: true })
  expect(served.checkpoint.config.text).toEqual(config.text)
  expect([...served.model.parameters().keys()].sort()).toEqual([...weights.keys()].sort())
  for (const [name, weight] of served.model.parameters()) {
    expect(weight.dtype, name).toBe(weight.rank === 1 ? "float32" : "bfloat16")
    expect(weight.requiresGrad).toBe(false)
    expect(difference(weight, weights.get(name)!), name).toBe(0)
    const parameter = trained.model.parameters().get(name)!
    expect([parameter.dtype, parameter.requiresGrad]).toEqual(["float32", true])
  }
  const expected = noGrad(() => hidden(served.model))
  expect(expected.dtype).toBe("float32")
  const ours = hidden(trained.model)
  expect(difference(ours, expected)).toBeLessThan(1e-5)
  backward(ours.sum())
  expect(trained.model.parameters().get("model.embed_tokens.weight")!.grad!.shape).toEqual([60, 16])
})

it("gives parameters memory of their own: changing them changes neither the file nor another model", () => {
  const first = loadModel(folder, { dtype: "bfloat16", device: "cpu", trainable: true }).model.parameters()
  const name = "model.layers.0.mlp.up_proj.weight"
  noGrad(() => first.get(name)!.zero_())
  const again = loadModel(folder, { dtype: "bfloat16", device: "cpu" }).model.parameters()
  expect(difference(again.get(name)!, weights.get(name)!)).toBe(0)
})

// A private mapping on Linux shows what is written to a file until it is written to itself.
it.runIf(process.platform === "linux")(
  "leaves matrices that are not learned in the file, and copies those that are",
  () => {
    const copy = join(folder, "copy")
    cpSync(join(folder, "model.safetensors"), join(copy, "model.safetensors"))
    cpSync(join(folder, "config.json"), join(copy, "config.json"))
    const isLearned = (name: string): boolean => name.endsWith("q_proj.weight")
    const parameters = loadModel(copy, { dtype: "float32", device: "cpu", trainable: isLearned }).model.parameters()
    for (const { file, offset, bytes, shape } of openTensors(copy).values()) {
      if (shape.length === 1) continue
      const handle = openSync(file, "r+")
      writeSync(handle, new Uint8Array(bytes), 0, bytes, offset)
      closeSync(handle)
    }
    const matrices = [...parameters].filter(([, { rank }]) => rank > 1)
    expect(matrices.length).toBeGreaterThan(20)
    for (const [name, weight] of matrices) expect(weight.abs().max().item() === 0, name).toBe(!isLearned(name))
  },
)
