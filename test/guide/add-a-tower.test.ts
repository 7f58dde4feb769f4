/** docs/guide/add-a-tower.md, followed: a convolutional tower is read from its folder, connected by two connectors, trained and refused. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { writeTensors } from "../../src/checkpoint/safetensors/safetensors.js"
import { bytesOf } from "../../src/checkpoint/tensor-view.js"
import { tokensOf } from "../../src/image/processors/pieces.js"
import { composeModel } from "../../src/models/compose/compose.js"
import { saveComposed } from "../../src/models/compose/save-composed.js"
import { initialConnectorWeights } from "../../src/models/connectors/initial-weights.js"
import { connectorNamed, registerConnector } from "../../src/models/connectors/registry.js"
import { loadModel } from "../../src/models/load.js"
import { Modules } from "../../src/models/modules.js"
import { tensorEntries } from "../../src/models/save.js"
import { readTower, towerTensors } from "../../src/models/towers/folder.js"
import { readTowerConfig, registerTower, towerFamilyOf } from "../../src/models/towers/registry.js"
import { imageProcessorOf } from "../../src/models/vision/images.js"
import { rowsOfTile, TiledVision, type TiledVisionConfig } from "../../src/models/vision/tiled-vision.js"
import { MapWeights } from "../../src/models/weight-source.js"
import { backward, Generator, randn, type Tensor, tensor } from "../../src/torch/index.js"
import { writeSmallTextModel } from "../support/small-text-model.js"
import { writeSmallTower } from "../support/small-towers.js"
import { type ConvConfig, conv } from "./conv-tower.js"
import { pool } from "./pooling-connector.js"

const json = { model_type: "small_conv", image_size: 24, widths: [4, 6, 8] }
const folder = mkdtempSync(join(tmpdir(), "add-a-tower-"))
const TOWER = "model.vision_tower.vision_tower."
beforeAll(async () => {
  registerTower(conv)
  registerConnector(pool)
  const generator = new Generator(5)
  const random = (name: string, shape: number[]): [string, Tensor] => [name, randn(shape, { generator }).mul(0.4)]
  const stored = [
    ...[4, 6, 8].flatMap((width, i) => [
      random(`features.${i}.weight`, [width, [3, 4, 6][i], 3, 3]),
      random(`features.${i}.bias`, [width]),
    ]),
    random("classifier.weight", [10, 8]),
  ]
  await writeTensors(folder, tensorEntries(new Map(stored)), {})
  writeFileSync(join(folder, "config.json"), JSON.stringify(json))
})
afterAll(() => rmSync(folder, { recursive: true }))

const configOf = (tower: ConvConfig, connector = "mlp2x_gelu"): TiledVisionConfig => ({
  tower,
  selection: { layers: [-1], skipFirst: false, postNorm: false },
  connector: connectorNamed(connector),
  merge: { type: "flat" },
  hiddenSize: 5,
})

/** The tower of the folder, connected; trainable or frozen. */
function open(trainable: boolean): { vision: TiledVision; tower: Tensor[]; connector: Tensor[] } {
  const { config, tensors } = readTower<ConvConfig>(folder)
  const tower = [...tensors].map(([name, view]): [string, Tensor] => {
    const bytes = bytesOf(view)
    const values = tensor(new Float32Array(bytes.slice().buffer), view.shape)
    return [TOWER + name, trainable ? values.requiresGrad_() : values]
  })
  const connector = initialConnectorWeights(configOf(config), 3, { trainable: true })
  const weights = new MapWeights(new Map([...tower, ...connector]))
  const vision = new TiledVision(configOf(config), weights, "float32")
  return { vision, tower: tower.map(([, weight]) => weight), connector: [...connector.values()] }
}

const picture = { pieces: [9], pixelValues: Float32Array.from({ length: 3 * 24 * 24 }, (_, i) => Math.sin(i)) }

it("the guide shows this code", () => {
  const guide = readFileSync(resolve(import.meta.dirname, "../../docs/guide/add-a-tower.md"), "utf8")
  const codeOf = (file: string): string => readFileSync(join(import.meta.dirname, file), "utf8")
  const code = codeOf("conv-tower.ts") + codeOf("pooling-connector.ts")
  const shown = [...guide.matchAll(/```ts\n(.*?)```/gs)].map(([, block]) => block.trimEnd())
  expect(shown.length).toBeGreaterThan(3)
  for (const block of shown.filter((own) => !own.startsWith("// elsewhere"))) expect(code).toContain(block)
})

it("is read by its names on disk, and gives the rows of a picture", () => {
  const { config, tensors } = readTower<ConvConfig>(folder)
  expect(towerFamilyOf(config).write(config)).toEqual(json)
  expect([...tensors.keys()]).toEqual([...towerTensors(config).keys()])
  expect([...tensors.keys()].slice(0, 2)).toEqual(["layers.0.weight", "layers.0.bias"])
  expect(rowsOfTile(configOf(config))).toEqual({ count: 9, grid: [3, 3], channels: 5 })
  const { vision } = open(false)
  const [rows, same] = vision.forward([picture, picture])
  expect(rows.shape).toEqual([9, 5])
  expect(same.sub(rows).abs().max().item()).toBeLessThan(1e-6)
  expect(rows.abs().max().item()).toBeGreaterThan(0.1)
})

it("learns, recomputing or not, and only where it is not frozen", () => {
  const gradients = (trainable: boolean, recompute: boolean): number[][] => {
    const { vision, tower, connector } = open(trainable)
    vision.checkpointLayers = recompute
    backward(vision.forward([picture])[0].pow(2).sum())
    expect(connector.every(({ grad }) => grad !== null)).toBe(true)
    return tower.flatMap(({ grad }) => (grad ? [grad.toNumbers()] : []))
  }
  expect(gradients(false, false)).toEqual([])
  const whole = gradients(true, false)
  expect(whole.length).toBe(6)
  gradients(true, true).forEach((again, i) => {
    again.forEach((value, j) => {
      expect(value).toBeCloseTo(whole[i][j], 5)
    })
  })
})

it("a connector of one's own is a part of new models, learns, and may have adapters", async () => {
  const { folder: language } = await writeSmallTextModel(join(folder, "text"))
  const tower = await writeSmallTower(join(folder, "siglip"), "siglip")
  const saved = join(folder, "sees")
  await saveComposed(saved, composeModel({ language, tower, connector: "pool2" }))
  expect(JSON.parse(readFileSync(join(saved, "config.json"), "utf8")).mm_projector_type).toBe("pool2")
  const { model, checkpoint } = loadModel(saved, { dtype: "float32", trainable: true })
  const images = imageProcessorOf(checkpoint.config, saved)!
  const picture = await images.prepare({ width: 20, height: 10, data: new Uint8Array(600).fill(200) })
  const [rows] = model.encodeImages([picture])
  expect(rows.shape).toEqual([tokensOf(picture.pieces), model.hiddenSize])
  backward(rows.pow(2).sum())
  expect(model.parameters().get("model.mm_projector.proj.weight")!.grad!.abs().max().item()).toBeGreaterThan(0)
  expect(new Modules(checkpoint.config).byName.get("model.multi_modal_projector.proj")).toMatchObject({ linear: true })
})

it("names what cannot be right", () => {
  const where = "config.json"
  expect(() => readTowerConfig({ ...json, image_size: 20 }, { key: "vision_config", where })).toThrow(
    /vision_config\.image_size/,
  )
  const { config } = readTower<ConvConfig>(folder)
  const beyond = { ...configOf(config), selection: { layers: [-2], skipFirst: false, postNorm: false } }
  expect(() => new TiledVision(beyond, new MapWeights(new Map()), "float32")).toThrow(
    /is -2, but the tower gives its last hidden state alone/,
  )
  expect(() => rowsOfTile(configOf(config, "pixel_shuffle"))).toThrow(
    /2 × 2 does not divide the tower's 3 × 3 features/,
  )
  expect(() => rowsOfTile(configOf(config, "pool2"))).toThrow(/3 × 3 features do not fall into cells of 2 × 2/)
})
