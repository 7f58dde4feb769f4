/** Which batches come out: they are the same on every machine, and stay the same from version to version. */

import { createHash } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { afterAll, beforeAll, expect, it } from "vitest"
import { type SmallData, smallTraining, writeSmallVlm } from "../../test/support/small-vlm.js"
import type { RgbImage } from "../image/rgb.js"
import type { ImageProcessor } from "../models/architecture.js"
import { readCheckpoint } from "../models/checkpoint.js"
import { Tokenizer } from "../text/tokenizer/tokenizer.js"
import { TrainingData } from "./data.js"

const SIDE = 24
const folder = mkdtempSync(join(tmpdir(), "dvl-data-"))
let small: SmallData
afterAll(() => rmSync(folder, { recursive: true }))

/** Takes four tokens and keeps the pixels as training would see them. */
const processor = {
  pieces: () => [4],
  prepare: async (image: RgbImage) => ({ pieces: [4], image }),
} as unknown as ImageProcessor

/** Pictures with something to turn, mirror and recolour, and three kinds of question about each. */
beforeAll(async () => {
  small = await writeSmallVlm(folder)
  const records: object[] = []
  const image = (i: number): string => `gradient-${i}.png`
  for (let i = 0; i < 5; i++) {
    const pixels = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, at) => (at * (i + 3) + (at >> 5) * 7) & 255)
    await sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } })
      .png()
      .toFile(join(folder, image(i)))
    for (const [task, answer] of [
      ["name", "red"],
      ["choose", "green"],
      ["choose", "blue"],
      ["describe", "All of it."],
    ])
      records.push({
        image: image(i),
        task,
        ...(i % 2 === 0 && { augmentations: { flip: false } }),
        ...(task === "choose" && { mix_with: [image((i + 1) % 5), image((i + 2) % 5)] }),
        conversations: [
          { from: "human", value: "<image>\nWhat colour is this?" },
          { from: "gpt", value: answer },
        ],
      })
  }
  writeFileSync(join(folder, "grouped.json"), JSON.stringify(records))
})

/** The batches of a few steps: the records drawn with the images they share, and a digest of all pixels. */
async function batches(data: object): Promise<{ pixels: string; drawn: string[] }> {
  const config = smallTraining(small, "out", {
    data: { file: join(folder, "grouped.json"), ...data },
    train: { micro_batch_size: 3, accumulate: 2, seed: 7 },
  })
  const training = new TrainingData(
    config,
    Tokenizer.load(small.model),
    readCheckpoint(small.model).config,
    "qwen_2_5",
    processor,
  )
  const hash = createHash("sha256")
  const drawn: string[] = []
  for (const [step, progress] of [
    [0, 0.1],
    [9, 0.9],
  ])
    for (const micro of [0, 1]) {
      const { samples, images } = await training.batch(step, micro, progress)
      for (const input of images) hash.update((input as unknown as { image: RgbImage }).image.data)
      drawn.push(
        samples.map(({ where, images }) => `${where.replace(/.* /, "")}:${images.map(({ image }) => image)}`).join(" "),
      )
    }
  return { pixels: hash.digest("hex").slice(0, 16), drawn }
}

const augment = { scale: [0.8, 1.2], rotate_degrees: 20, shift: 0.1, shear: 0.1, flip: 0.5, hue_radians: 0.3 }

it("groups the questions of an image: by a task mixture that changes with progress, some with other images mixed in", async () => {
  const task_mixture = [
    { until: 0.5, tasks: { name: 1, choose: 0.5 } },
    { until: 1, tasks: { name: 0.5, choose: 1, describe: 0.35 } },
  ]
  const mixing = { probability: 0.6 }
  expect(await batches({ sampler: "grouped", task_mixture, augment: { ...augment, saturation: 0.2, mixing } })).toEqual(
    {
      drawn: ["0:0 4:1 6:2 8:3 9:4", "16:0 18:1 12:2 16:3", "6:0 1:1 3:1 12:2 13:3 15:2", "8:0 9:0 11:0 6:1 17:2"],
      pixels: "bfb932c6f15c9bfe",
    },
  )
})

it("groups them with all their tasks when nothing is said", async () => {
  expect(await batches({ sampler: "grouped" })).toEqual({
    drawn: [
      "0:0 1:0 3:0 4:1 5:1 7:1 8:2 10:2 11:2",
      "16:0 17:0 19:0 12:1 13:1 15:1 16:2 17:2 19:2",
      "4:0 6:0 7:0 0:1 1:1 3:1 12:2 14:2 15:2",
      "8:0 9:0 11:0 4:1 6:1 7:1 16:2 17:2 19:2",
    ],
    pixels: "378becc4a6d86757",
  })
})

it("shuffles records, with images mixed in", async () => {
  const mixing = { probability: 0.4, weight: 0.5 }
  expect(await batches({ sampler: "shuffle", augment: { ...augment, brightness: 0.1, mixing } })).toEqual({
    drawn: ["19:0 7:1 1:2", "16:0 2:1 4:2", "1:0 16:1 17:2", "0:0 18:1 4:2"],
    pixels: "1dd35d56f87d3fdd",
  })
})
