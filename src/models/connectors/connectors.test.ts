/** Connectors give what transformers gives, and fit towers or say why not; tiles of a picture become its rows. */

import { describe, expect, it } from "vitest"
import { configs, merges, relativeError, towerCase } from "../../../test/support/tower-cases.js"
import { finish } from "../../in-turns.js"
import { backward, collect, memory, noGrad, type Tensor, tensor, tidy } from "../../torch/index.js"
import { readTowerConfig } from "../towers/registry.js"
import { rowsOfTile, TiledVision, type TiledVisionConfig } from "../vision/tiled-vision.js"
import { MapWeights, RecordingWeights } from "../weight-source.js"
import { initialConnectorWeights } from "./initial-weights.js"
import { mergeTiles } from "./merge-tiles.js"
import { pixelShuffle } from "./pixel-shuffle.js"
import { buildConnector, connected, connectorNamed } from "./registry.js"

const NEAR = 2e-5
const tile = { count: 16, grid: [4, 4], channels: 6 } as const

describe("connectors by name", () => {
  it.each(["linear", "mlp1x_gelu", "mlp2x_gelu", "mlp3x_gelu", "pixel_shuffle", "pixel_shuffle4"])("%s", (name) => {
    expect(connectorNamed(name).name).toBe(name)
  })

  it.each(["qwen_merger", "mlp0x_gelu", "mlp17x_gelu", "mlp2x_relu", "pixel_shuffle1", "", 2, undefined])(
    "%s is none",
    (name) => {
      expect(() => connectorNamed(name, "mm_projector_type", "config.json")).toThrow(/mm_projector_type is .*no known/)
    },
  )

  it("take weights of the published names and shapes", () => {
    const shapes = (name: string) => {
      const recording = new RecordingWeights()
      buildConnector(connectorNamed(name), { ...tile, grid: [4, 4] }, 8, recording)
      return Object.fromEntries(recording.shapes)
    }
    expect(shapes("linear")).toEqual({ weight: [8, 6], bias: [8] })
    expect(shapes("mlp3x_gelu")).toEqual({
      "0.weight": [8, 6],
      "0.bias": [8],
      "2.weight": [8, 8],
      "2.bias": [8],
      "4.weight": [8, 8],
      "4.bias": [8],
    })
    expect(shapes("pixel_shuffle")).toEqual({ "proj.weight": [8, 24] })
  })
})

describe("pixel shuffle", () => {
  it("puts the features of a cell side by side in raster order", () => {
    const features = tensor(
      Float32Array.from({ length: 16 }, (_, i) => i),
      [1, 8, 2],
    )
    // Two rows of four features of two channels: the cells are columns 0–1 and 2–3.
    expect(pixelShuffle(features, [2, 4], 2).toNumbers()).toEqual([
      0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15,
    ])
  })

  it("gives SmolVLM's rows, and learns", () => {
    const smolvlm = towerCase("smolvlm")
    const rename = (name: string): string => name.replace("modality_projection.", "")
    const weights = smolvlm.weights("connector.", { trainable: true, rename })
    const connector = buildConnector(
      connectorNamed("pixel_shuffle"),
      { count: 16, grid: [4, 4], channels: 16 },
      12,
      weights,
    )
    const rows = connector.forward(smolvlm.tensor("features"))
    expect(relativeError(rows, smolvlm.tensor("rows"))).toBeLessThan(NEAR)
    backward(rows.pow(2).sum())
    const expected = smolvlm.tensor("gradients/connector.modality_projection.proj.weight")
    expect(relativeError(weights.taken.get("proj.weight")!.grad!, expected)).toBeLessThan(2e-4)
  })

  it("says which tower it does not fit", () => {
    const shuffle = connectorNamed("pixel_shuffle3")
    expect(connected(shuffle, { count: 36, grid: [6, 6], channels: 2 }, 8)).toEqual({
      count: 4,
      grid: [2, 2],
      channels: 8,
    })
    expect(() => connected(shuffle, { count: 49, grid: [7, 7], channels: 2 }, 8)).toThrow(
      /3 × 3 does not divide the tower's 7 × 7 features/,
    )
    expect(() => connected(shuffle, { count: 50, grid: undefined, channels: 2 }, 8)).toThrow(/the tower's 50 form none/)
  })
})

describe("tiles of a picture", () => {
  const cases = towerCase("merge")
  const newline = cases.tensor("newline")

  it("become rows as in LLaVA-OneVision, shrunk or not", () => {
    let shrunk = 0
    for (const [i, { shrunk: sizes, ...grid }] of merges.entries()) {
      for (const most of [2, 9]) {
        shrunk += sizes[most] ? 1 : 0
        const arrangement = { newline: true, grid: { ...grid, ...(sizes[most] && { shrunk: sizes[most] }) } }
        const rows = mergeTiles(cases.tensor(String(i)), arrangement, [3, 3], newline)
        expect(relativeError(rows, cases.tensor(`${i}.${most}`)), `${i}.${most}`).toBeLessThan(NEAR)
      }
    }
    expect(shrunk).toBeGreaterThan(1)
    expect(shrunk).toBeLessThan(2 * merges.length)
  })

  it("are the whole picture and a newline where there is one, and tile after tile without a newline", () => {
    const tiles = cases.tensor("0")
    const whole = tiles.narrow(0, 0, 1)
    const rows = mergeTiles(whole, { newline: true }, [3, 3], newline)
    expect(rows.shape).toEqual([10, 4])
    expect(rows.select(0, 9).toNumbers()).toEqual(newline.toNumbers())
    const flat = mergeTiles(tiles, { newline: false }, undefined, null)
    expect(flat.toNumbers()).toEqual(tiles.toNumbers())
  })

  it("must be as many as their arrangement says, with features that form a map", () => {
    const [{ shrunk: _, ...grid }] = merges
    const tiles = cases.tensor("0")
    const merge = (of: Tensor, features: readonly [number, number] | undefined, end: Tensor | null) => () =>
      mergeTiles(of, { newline: true, grid }, features, end)
    expect(merge(tiles.narrow(0, 0, 2), [3, 3], newline)).toThrow(
      /2 tiles, not one of the whole and \d × \d of its parts/,
    )
    expect(() => mergeTiles(tiles, { newline: true }, [3, 3], newline)).toThrow(/tiles, not one of the whole/)
    expect(merge(tiles, undefined, newline)).toThrow(/features form no grid/)
    expect(merge(tiles, [3, 3], null)).toThrow(/the model has none/)
  })
})

describe("a new tower and connector", () => {
  const config = (merge: TiledVisionConfig["merge"]["type"]): TiledVisionConfig => ({
    tower: readTowerConfig(configs.siglip, { key: "vision_config" }),
    selection: { layers: [-1], skipFirst: false, postNorm: false },
    connector: connectorNamed("mlp2x_gelu"),
    merge: { type: merge },
    hiddenSize: 12,
  })
  const build = (trainable: boolean): [TiledVision, Map<string, Tensor>] => {
    const rename = (name: string): string => `model.vision_tower.vision_tower.${name}`
    const tower = towerCase("siglip").entries("", { rename })
    const connector = initialConnectorWeights(config("spatial_unpad"), 7, { trainable })
    const weights = new Map([...tower, ...connector])
    return [new TiledVision(config("spatial_unpad"), new MapWeights(weights), "float32"), connector]
  }
  const picture = {
    pieces: [10],
    pixelValues: towerCase("siglip").tensor("pixels").narrow(0, 0, 1).toArray() as Float32Array,
    arrangement: { newline: true },
  }

  it("starts as PyTorch starts linear layers, the same for the same seed", () => {
    const [first, again, other] = [7, 7, 8].map((seed) => initialConnectorWeights(config("spatial_unpad"), seed))
    const key = "model.mm_projector.0.weight"
    expect([...first.keys()]).toEqual([
      ...["0.weight", "0.bias", "2.weight", "2.bias"].map((name) => `model.mm_projector.${name}`),
      "model.image_newline",
    ])
    expect(first.get(key)!.toNumbers()).toEqual(again.get(key)!.toNumbers())
    expect(first.get(key)!.toNumbers()).not.toEqual(other.get(key)!.toNumbers())
    const largest = first.get(key)!.abs().max().item()
    expect(largest).toBeLessThanOrEqual(0.25)
    expect(largest).toBeGreaterThan(0.2)
    expect(initialConnectorWeights(config("flat"), 7).has("model.image_newline")).toBe(false)
  })

  it("learns the connector and the newline while the tower keeps nothing", () => {
    const [vision, connector] = build(true)
    collect()
    const before = memory().tensors
    tidy(() => {
      const rows = vision.forward([picture, picture])
      expect(rows.map(({ shape }) => shape)).toEqual([
        [10, 12],
        [10, 12],
      ])
      backward(rows.map((one) => one.pow(2).sum()))
    })
    expect(memory().tensors).toBe(before)
    for (const [name, weight] of connector) expect(weight.grad!.abs().max().item(), name).toBeGreaterThan(0)
  })

  it("gives features that were computed before the same rows", () =>
    noGrad(() => {
      const [vision] = build(false)
      const [rows] = vision.forward([picture])
      const pixels = towerCase("siglip").tensor("pixels").narrow(0, 0, 1)
      const features = finish(vision.tower.forwardInPieces(pixels))
      const [cached] = vision.merge([vision.connector.forward(features)], [picture])
      expect(cached.toNumbers()).toEqual(rows.toNumbers())
      expect(vision.forward([])).toEqual([])
    }))

  it("takes features that were kept to the device of its weights, and keeps those of each kind of device apart", () =>
    noGrad(() => {
      const [onCpu, connector] = build(false)
      const tower = [
        ...towerCase("siglip").entries("", { rename: (name) => `model.vision_tower.vision_tower.${name}` }),
      ]
      const weights = [...tower, ...connector].map(([name, weight]) => [name, weight.to({ device: "meta" })] as const)
      const vision = new TiledVision(config("spatial_unpad"), new MapWeights(new Map(weights)), "float32")
      vision.features = { get: (_, shape) => tensor(new Float32Array(9 * 16), shape), put: () => undefined }
      const given: string[] = []
      const forward = vision.connector.forward.bind(vision.connector)
      vision.connector.forward = (features) => {
        given.push(features.device)
        return forward(features)
      }
      expect(vision.forward([picture])[0].shape).toEqual([10, 12])
      expect(given).toEqual(["meta"])
      expect(vision.described).toEqual({ ...(onCpu.described as object), device: "meta" })
      expect(onCpu.described).toMatchObject({ device: "cpu" })
    }))

  it("is refused where the tower gives other features than its configuration says", () => {
    const [vision] = build(false)
    const forward = vision.tower.forwardInPieces.bind(vision.tower)
    vision.tower.forwardInPieces = function* (pixels) {
      return (yield* forward(pixels)).narrow(1, 0, 8)
    }
    expect(() => noGrad(() => vision.forward([picture]))).toThrow(/the vision tower gives 8 features for a tile, not 9/)
  })

  it("is refused where the parts do not fit", () => {
    const misfit = { ...config("flat"), connector: connectorNamed("pixel_shuffle") }
    expect(() => rowsOfTile(misfit)).toThrow(/2 × 2 does not divide the tower's 3 × 3 features/)
    const beyond = { ...config("flat"), selection: { layers: [9], skipFirst: false, postNorm: false } }
    expect(() => rowsOfTile(beyond)).toThrow(/is 9, but the tower gives 4 hidden states/)
  })
})
