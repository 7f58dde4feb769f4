/**
 * How far float32 is from float64 in the cross entropy of single tokens, on both sides: the golden values were computed
 * in float32 as ours are, and the tolerance of the golden runner is the sum of what the two may round.
 */

import { expect, it } from "vitest"
import { endToken, maskToken } from "../../src/checkpoint/config.js"
import { loadModel } from "../../src/models/load.js"
import type { Model } from "../../src/models/registry.js"
import { blockDiffusionObjective } from "../../src/paradigms/block-diffusion/objective.js"
import { layOut } from "../../src/text/layout.js"
import { noGrad, setThreads, type Tensor, tidy } from "../../src/torch/index.js"
import { goldenFeatures, goldenJson, goldenModelFolder, goldenTensors, needsGolden } from "../support/golden.js"
import { TOLERANCES } from "./tolerances.js"

interface GoldenStep {
  key: string
  objective: string
  samples: number[]
  D: number
}

needsGolden.describe("golden cross entropies at D = 16", () => {
  it("the reference and this engine are each within half the tolerance of float64", async () => {
    setThreads(1)
    const { samples, cases } = goldenJson("train", "cases.json")
    const stored = goldenTensors("train", "tensors.safetensors")
    const load = (dtype: "float32" | "float64"): Model =>
      loadModel(goldenModelFolder("tiny-dvl-qwenvl"), { dtype, device: "cpu" }).model
    const [single, double] = [load("float32"), load("float64")]
    const chosen: GoldenStep[] = cases.filter(({ key, D }: GoldenStep) => key.startsWith("vl.") && D === 16)
    expect(chosen.length).toBeGreaterThan(3)
    for (const one of chosen) {
      const images = one.samples.map((index): string[] => [samples[index].image ?? []].flat())
      const tensors = (name: string): Tensor => stored(`${one.key}.${name}`)
      const [ours, exact] = [
        await crossEntropies(single, one, images, tensors),
        await crossEntropies(double, one, images, tensors),
      ]
      const reference = tensors("token_ce").toNumbers()
      expect(exact.length).toBe(reference.length)
      for (const [i, value] of exact.entries()) {
        expect(Math.abs(reference[i] - value), `${one.key}, token ${i}, reference`).toBeLessThan(
          TOLERANCES.tokenCrossEntropy / 2,
        )
        expect(Math.abs(ours[i] - value), `${one.key}, token ${i}, ours`).toBeLessThan(TOLERANCES.tokenCrossEntropy / 2)
      }
    }
  })
})

async function crossEntropies(
  model: Model,
  { key, D }: GoldenStep,
  images: string[][],
  stored: (name: string) => Tensor,
): Promise<number[]> {
  const features = await goldenFeatures(model, images.flat())
  return noGrad(() =>
    tidy(() => {
      const row = (name: string, b: number): number[] => stored(name).select(0, b).toNumbers()
      let image = 0
      const samples = images.map((names, b) => {
        const length = row("attention_mask", b).reduce((sum, flag) => sum + flag, 0)
        const take = (name: string): Int32Array => Int32Array.from(row(name, b).slice(0, length))
        const imageIndices = names.map(() => image++)
        const rows = imageIndices.map((i) => features[i].shape[0])
        const blocks = { size: D, eos: endToken(model.config) }
        const encoded = { ids: take("input_ids"), labels: take("labels") }
        const layout = layOut(encoded, rows, { blocks })
        const images = layout.images.map((run) => ({ ...run, image: imageIndices[run.image] }))
        return { ...layout, images, where: key }
      })
      const uniforms = [...stored("u").toNumbers(), ...stored("r").toNumbers()].values()
      const options = { blockSize: D, maskToken: maskToken(model.config) }
      const draw = (): number => uniforms.next().value as number
      return blockDiffusionObjective(
        model,
        { samples, images: [] },
        options,
        draw,
        features,
      ).tokenCrossEntropy.toNumbers()
    }),
  )
}
