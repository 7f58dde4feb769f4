/** Towers give what transformers gives, gradients too; and keep for a backward pass what they must. */

import { describe, expect, it } from "vitest"
import { configs, relativeError, towerCase } from "../../../test/support/tower-cases.js"
import { finish } from "../../in-turns.js"
import { backward, collect, memory, noGrad, type Tensor, tidy } from "../../torch/index.js"
import { Qwen3Vision } from "../vision/qwen3-vision.js"
import { MapWeights } from "../weight-source.js"
import { readQwen3Vision } from "./qwen3-config.js"
import { readTowerConfig } from "./registry.js"
import type { FeatureSelection } from "./tower.js"
import { Vit } from "./vit.js"
import type { VitConfig } from "./vit-config.js"

/** Of a sum of float32 numbers in another order. */
const NEAR = 2e-5

const read = (name: "clip" | "siglip"): VitConfig =>
  readTowerConfig(configs[name], { key: "vision_config" }) as VitConfig
const selecting = (layers: number[], rest: Partial<FeatureSelection> = {}): FeatureSelection => ({
  layers,
  skipFirst: false,
  postNorm: false,
  ...rest,
})

/** Gradients of a sum of squares against the stored ones. */
function expectGradients(
  features: readonly Tensor[],
  weights: MapWeights,
  of: ReturnType<typeof towerCase>,
  rename = (name: string): string => name,
): void {
  backward(features.map((one) => one.pow(2).sum()))
  expect(of.gradients.length).toBeGreaterThan(30)
  const largest = (x: Tensor): number => x.abs().max().item()
  const most = Math.max(...of.gradients.map((name) => largest(of.tensor(`gradients/${name}`))))
  for (const name of of.gradients) {
    const expected = of.tensor(`gradients/${name}`)
    const { grad } = weights.taken.get(rename(name))!
    // Those of key biases are nothing but rounding: a softmax does not see them.
    const scale = Math.max(largest(expected), most * 1e-3)
    expect(largest(grad!.sub(expected)) / scale, name).toBeLessThan(2e-4)
  }
  const renamed = of.gradients.map(rename)
  for (const [name, weight] of weights.taken) if (!renamed.includes(name)) expect(weight.grad, name).toBe(null)
}

describe("CLIP", () => {
  const clip = towerCase("clip")

  it.each([false, true])("gives the last layer but one without the class token; recomputing: %s", (recompute) => {
    const weights = clip.weights("", { trainable: true })
    const tower = new Vit(read("clip"), selecting([-2], { skipFirst: true }), weights, "float32")
    tower.checkpointLayers = recompute
    const features = tower.forward(clip.tensor("pixels"))
    expect(relativeError(features, clip.tensor("features"))).toBeLessThan(NEAR)
    expectGradients([features], weights, clip)
  })

  it("joins the channels of several layers", () =>
    noGrad(() => {
      const tower = new Vit(read("clip"), selecting([0, -1]), clip.weights(), "float32")
      expect(tower.hiddenSize).toBe(32)
      expect(relativeError(tower.forward(clip.tensor("pixels")), clip.tensor("joined"))).toBeLessThan(NEAR)
    }))

  it("runs no layer behind those that are asked for", () =>
    noGrad(() => {
      const pieces = (layer: number): number => {
        const tower = new Vit(read("clip"), selecting([layer]), clip.weights(), "float32")
        return [...tower.forwardInPieces(clip.tensor("pixels"))].length
      }
      expect([0, 1, -2, -1].map(pieces)).toEqual([1, 2, 3, 4])
    }))
})

describe("SigLIP", () => {
  const siglip = towerCase("siglip")

  it("gives its last layer with or without the post norm", () =>
    noGrad(() => {
      for (const postNorm of [false, true]) {
        const tower = new Vit(read("siglip"), selecting([-1], { postNorm }), siglip.weights(), "float32")
        const expected = siglip.tensor(postNorm ? "normed" : "features")
        expect(relativeError(tower.forward(siglip.tensor("pixels")), expected)).toBeLessThan(NEAR)
      }
    }))

  it("pools, and learns through the pooling", () => {
    const weights = siglip.weights("", { trainable: true })
    const tower = new Vit(read("siglip"), selecting([-1], { postNorm: true }), weights, "float32")
    const pooled = tower.pool(tower.forward(siglip.tensor("pixels")))
    expect(relativeError(pooled, siglip.tensor("pooled"))).toBeLessThan(NEAR)
    expectGradients([pooled], weights, siglip)
  })

  it("computes in bfloat16 near float32, with weights of either type", () =>
    noGrad(() => {
      const features = (dtype: "float32" | "bfloat16", stored: (weight: Tensor) => Tensor): Tensor => {
        const weights = new MapWeights(new Map(siglip.entries().map(([name, weight]) => [name, stored(weight)])))
        return new Vit(read("siglip"), selecting([-1]), weights, dtype).forward(siglip.tensor("pixels"))
      }
      const half = (weight: Tensor): Tensor => weight.to("bfloat16")
      // Frozen matrices stay as they are stored.
      const mixed = features("float32", (weight) => (weight.rank > 1 ? half(weight) : half(weight).to("float32")))
      const inHalf = features("bfloat16", half)
      expect([mixed.dtype, inHalf.dtype]).toEqual(["float32", "bfloat16"])
      expect(
        relativeError(
          mixed,
          features("float32", (weight) => half(weight).to("float32")),
        ),
      ).toBeLessThan(NEAR)
      const error = relativeError(inHalf.to("float32"), mixed)
      expect(error).toBeLessThan(0.05)
      expect(error).toBeGreaterThan(1e-4)
    }))

  it("keeps of a frozen tower's layers nothing but what they give", () => {
    const growth = (trainable: boolean, recompute: boolean): number => {
      const weights = siglip.weights("", { trainable })
      const tower = new Vit(read("siglip"), selecting([-1]), weights, "float32")
      tower.checkpointLayers = recompute
      return tidy(() => {
        const work = tower.forwardInPieces(siglip.tensor("pixels"))
        work.next()
        collect()
        const before = memory().tensors
        work.next()
        const grown = memory().tensors - before
        expect(finish(work).requiresGrad).toBe(trainable)
        return grown
      })
    }
    expect(growth(false, false)).toBe(1)
    expect(growth(true, true)).toBeLessThan(5)
    expect(growth(true, false)).toBeGreaterThan(15)
  })
})

describe("SmolVLM's tower", () => {
  const smolvlm = towerCase("smolvlm")
  const config = readTowerConfig(configs.smolvlm.vision_config as typeof configs.clip, { key: "vision_config" })
  const features = (shiftedPositions: boolean): Tensor => {
    const weights = smolvlm.weights("vision_model.", { rename: (name) => `vision_model.${name}` })
    const tower = new Vit(
      { ...config, shiftedPositions } as VitConfig,
      selecting([-1], { postNorm: true }),
      weights,
      "float32",
    )
    return tower.forward(smolvlm.tensor("pixels"))
  }

  it("has the positions of transformers' float32 where that is asked for, and else each patch its own", () =>
    noGrad(() => {
      expect(relativeError(features(true), smolvlm.tensor("features"))).toBeLessThan(NEAR)
      expect(relativeError(features(false), smolvlm.tensor("features"))).toBeGreaterThan(0.01)
    }))
})

describe("Qwen3-VL's tower and mergers", () => {
  const qwen3 = towerCase("qwen3_vl")
  const config = readQwen3Vision(configs.qwen3_vl, { key: "vision_config" })
  const CANONICAL: [RegExp, string][] = [
    [/^(merger|deepstack_merger_list)\./, "model.mm_projector.$1."],
    [/^(?!model\.)/, "model.vision_tower.vision_tower."],
  ]
  const rename = (name: string): string => CANONICAL.reduce((key, [pattern, by]) => key.replace(pattern, by), name)

  /** The pictures of the case: one of 4 × 6 patches, and two frames of 2 × 8. */
  function images() {
    const all = qwen3.tensor("pixels").toArray() as Float32Array
    const width = qwen3.tensor("pixels").shape[1]
    let from = 0
    return (
      [
        [1, 4, 6],
        [2, 2, 8],
      ] as const
    ).map((grid) => {
      const patches = grid[0] * grid[1] * grid[2]
      from += patches * width
      return { grid, pieces: [patches / 4], pixelValues: all.slice(from - patches * width, from) }
    })
  }
  /** Side by side in each picture's features. */
  const joined = (features: Tensor[]): Record<string, Tensor[]> => {
    const width = config.outHiddenSize
    const part = (i: number): Tensor[] => features.map((one) => one.narrow(1, i * width, width))
    return { merged: part(0), deepstack0: part(1), deepstack1: part(2) }
  }

  it.each([false, true])("gives rows and what DeepStack adds; recomputing: %s", (recompute) => {
    const weights = qwen3.weights("", { trainable: true, rename })
    const vision = new Qwen3Vision(config, weights, "float32")
    vision.checkpointLayers = recompute
    const features = vision.forward(images())
    for (const [name, parts] of Object.entries(joined(features))) {
      const counts = parts.map(({ shape }) => shape[0])
      expect(counts).toEqual([6, 8])
      qwen3
        .tensor(name)
        .split(counts)
        .forEach((expected, i) => {
          expect(relativeError(parts[i], expected), name).toBeLessThan(NEAR)
        })
    }
    expectGradients(Object.values(joined(features)).flat(), weights, qwen3, rename)
  })

  it("gives each picture the same alone as among others, and no pictures nothing", () =>
    noGrad(() => {
      const vision = new Qwen3Vision(config, qwen3.weights("", { rename }), "float32")
      const together = vision.forward(images())
      images().forEach((one, i) => {
        const [alone] = vision.forward([one])
        expect(relativeError(alone, together[i])).toBeLessThan(NEAR)
      })
      expect(vision.forward([])).toEqual([])
    }))
})
