/** Every tower of square tiles with every connector: what the second table of docs/models.md says. */

import { expect } from "vitest"
import type { Json } from "../../src/checkpoint/json.js"
import { connectorNamed } from "../../src/models/connectors/registry.js"
import { readTowerConfig } from "../../src/models/towers/registry.js"
import { rowsOfTile, type TiledImage, TiledVision } from "../../src/models/vision/tiled-vision.js"
import { MapWeights, RecordingWeights } from "../../src/models/weight-source.js"
import { backward, Generator, randn, tidy } from "../../src/torch/index.js"

const tower: Json = {
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  image_size: 8,
  patch_size: 2,
}

/** By the names of their families; a family without one fails its test. */
export const TINY_TOWERS: Record<string, Json> = {
  clip: { model_type: "clip_vision_model", ...tower },
  siglip: { model_type: "siglip_vision_model", vision_use_head: false, ...tower },
  idefics3: { model_type: "idefics3_vision", ...tower },
}

export const CONNECTORS = ["linear", "mlp2x_gelu", "pixel_shuffle"]

/** Two tiles become rows as wide as a language model, and both parts learn from them. */
export function proveVision(towerJson: Json, connector: string): void {
  const config = {
    tower: readTowerConfig(towerJson, { key: "vision_config" }),
    selection: { layers: [-1], skipFirst: towerJson.model_type === "clip_vision_model", postNorm: false },
    connector: connectorNamed(connector),
    merge: { type: "flat" as const },
    hiddenSize: 12,
  }
  const recording = new RecordingWeights()
  new TiledVision(config, recording, "float32")
  const generator = new Generator(1)
  const weights = new Map(
    [...recording.shapes].map(([name, shape]) => [
      name,
      randn([...shape], { generator })
        .mul(0.3)
        .requiresGrad_(),
    ]),
  )
  const vision = new TiledVision(config, new MapWeights(weights), "float32")
  const pixelValues = Float32Array.from({ length: 2 * 3 * 8 * 8 }, (_, i) => Math.sin(i))
  const [rows] = vision.forward([{ pieces: [], pixelValues } as TiledImage])
  expect(rows.shape).toEqual([2 * rowsOfTile(config).count, 12])
  tidy(() => backward(rows.mul(rows).sum()))
  const learned = [...weights].filter(([, weight]) => weight.grad !== null).map(([name]) => name)
  expect(learned.some((name) => name.includes("patch_embedding"))).toBe(true)
  expect(learned.some((name) => name.includes("mm_projector"))).toBe(true)
}
