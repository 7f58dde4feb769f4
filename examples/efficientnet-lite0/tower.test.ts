/** The tower computes what EfficientNet-PyTorch computes, from a file with strides, at sizes that are padded unevenly. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { bytesOf } from "../../src/checkpoint/tensor-view.js"
import { finish } from "../../src/in-turns.js"
import { readTower, registerTower } from "../../src/index.js"
import { buildTower, readTowerConfig } from "../../src/models/towers/registry.js"
import { MapWeights } from "../../src/models/weight-source.js"
import { backward, type Tensor, tensor } from "../../src/torch/index.js"
import type { EfficientNetConfig } from "./config.js"
import { LITE0 } from "./config.js"
import { efficientNetLite } from "./tower.js"
import { writeTower } from "./weights.js"

const fixtures = resolve(import.meta.dirname, "../../test/fixtures/efficientnet")
const expected = JSON.parse(readFileSync(join(fixtures, "expected.json"), "utf8"))
const small = {
  model_type: "efficientnet_lite",
  image_size: expected.side,
  stem_channels: 8,
  stages: [
    { blocks: 1, kernel: 3, stride: 1, expand: 1, channels: 8 },
    { blocks: 2, kernel: 5, stride: 2, expand: 3, channels: 8 },
    { blocks: 2, kernel: 3, stride: 2, expand: 2, channels: 16 },
  ],
  head_channels: 320,
}
const root = mkdtempSync(join(tmpdir(), "efficientnet-"))
const folder = join(root, "tower")
beforeAll(async () => {
  registerTower(efficientNetLite)
  await writeTower(join(fixtures, "small.pth"), folder, small)
})
afterAll(() => rmSync(root, { recursive: true }))

const LAST = { layers: [-1], skipFirst: false, postNorm: false }
const { side } = expected
const pixels = tensor(
  Float32Array.from({ length: 2 * 3 * side * side }, (_, i) => Math.sin(Math.fround(i * Math.fround(0.7)))),
  [2, 3, side, side],
)

function open({ trainable = false, recompute = false } = {}): { forward: () => Tensor; weights: Tensor[] } {
  const { config, tensors } = readTower<EfficientNetConfig>(folder)
  const weights = [...tensors].map(([name, view]): [string, Tensor] => {
    const values = tensor(new Float32Array(bytesOf(view).slice().buffer), view.shape)
    return [name, trainable ? values.requiresGrad_() : values]
  })
  const tower = buildTower(config, LAST, new MapWeights(new Map(weights)), "float32")
  tower.checkpointLayers = recompute
  return { forward: () => finish(tower.forwardInPieces(pixels)), weights: weights.map(([, weight]) => weight) }
}

it("gives the last map in raster order", () => {
  const features = open().forward()
  const [batch, channels, rows, columns] = expected.shape
  expect(features.shape).toEqual([batch, rows * columns, channels])
  const map = features.transpose(1, 2).toNumbers()
  const wanted: number[] = expected.map
  const place = rows * columns
  let compared = 0
  for (let picture = 0; picture < batch; picture++)
    for (let channel = 0; channel < channels; channel += 10)
      for (let i = 0; i < place; i++)
        expect(map[(picture * channels + channel) * place + i]).toBeCloseTo(wanted[compared++], 3)
  expect(compared).toBe(wanted.length)
  expect(Math.max(...wanted)).toBeGreaterThan(1)
})

it("learns where it is not frozen, recomputing or not", () => {
  const gradients = (recompute: boolean): number[][] => {
    const { forward, weights } = open({ trainable: true, recompute })
    backward(forward().pow(2).sum())
    return weights.map(({ grad }) => grad!.toNumbers())
  }
  const [whole, again] = [gradients(false), gradients(true)]
  whole.forEach((values, i) => {
    const scale = Math.max(...values.map(Math.abs))
    expect(scale).toBeGreaterThan(0)
    for (const [j, value] of values.entries()) expect(again[i][j] / scale).toBeCloseTo(value / scale, 4)
  })
  expect(open().forward().requiresGrad).toBe(false)
})

it("names what cannot be right, and writes nothing then", async () => {
  const read = (change: object) => () =>
    readTowerConfig({ ...small, ...change }, { key: "vision_config", where: "config.json" })
  expect(read({ stages: [{ ...small.stages[0], kernel: 4 }] })).toThrow(
    /vision_config\.stages\.0\.kernel: a kernel has/,
  )
  expect(read({ head_channels: 0 })).toThrow(/vision_config\.head_channels/)
  const { config } = readTower<EfficientNetConfig>(folder)
  const weights = new MapWeights(new Map())
  expect(() => buildTower(config, { ...LAST, layers: [-2] }, weights, "float32")).toThrow(
    /gives its last hidden state alone/,
  )
  const other = join(root, "other")
  await expect(writeTower(join(fixtures, "small.pth"), other)).rejects.toThrow(/no such EfficientNet-lite|_blocks/)
  writeFileSync(join(root, "none.pth"), "no weights at all")
  await expect(writeTower(join(root, "none.pth"), other)).rejects.toThrow(/begins neither/)
  expect(() => readTower(other)).toThrow()
})

it("of lite0 gives 49 features of 1280 channels", () => {
  expect(readTowerConfig(LITE0, { key: "" })).toMatchObject({ grid: [7, 7], hiddenSize: 1280, tileSize: 224 })
})
