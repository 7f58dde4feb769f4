/** What the config.json of such a tower says: the stages of an EfficientNet-lite (Tan and Le 2019, without squeeze and excitation). */

import type { ConfigPlace, Json, TowerConfig } from "diffusionvl"
import { UserError } from "diffusionvl"
import { z } from "zod"

const width = z.int().min(1).max(65_536)

const stageSchema = z.strictObject({
  /** Blocks one behind the other; only the first has a stride, and other channels than it gets. */
  blocks: z.int().min(1).max(1024),
  /** Of the depthwise convolution, odd. */
  kernel: z
    .int()
    .min(1)
    .max(31)
    .refine((size) => size % 2 === 1, "a kernel has a middle"),
  stride: z.int().min(1).max(8),
  /** So many times the channels a block gets go through its depthwise convolution. */
  expand: z.int().min(1).max(64),
  channels: width,
})

const schema = z.looseObject({
  image_size: z.int().min(8).max(4096),
  stem_channels: width,
  stages: z.array(stageSchema).min(1).max(64),
  head_channels: width,
})

/** One inverted bottleneck. */
export interface Block {
  input: number
  hidden: number
  output: number
  kernel: number
  stride: number
}

export interface EfficientNetConfig extends TowerConfig {
  stem: number
  blocks: Block[]
}

export const FAMILY = "efficientnet_lite"

/** As many places as a convolution with TensorFlow's padding "same" gives. */
export const strided = (size: number, stride: number): number => Math.ceil(size / stride)

/** @throws UserError naming the key that cannot be right */
export function readConfig(raw: Json, { key, where }: ConfigPlace): EfficientNetConfig {
  const { success, data, error } = schema.safeParse(raw)
  if (!success) {
    const [{ path, message }] = error.issues
    throw new UserError(`${[key, ...path].filter((word) => word !== "").join(".")}: ${message}`, { where })
  }
  const { image_size, stem_channels, stages, head_channels } = data
  const blocks = stages.flatMap(({ blocks, kernel, stride, expand, channels }, i) =>
    Array.from({ length: blocks }, (_, block): Block => {
      const input = block > 0 ? channels : (stages[i - 1]?.channels ?? stem_channels)
      return { input, hidden: input * expand, output: channels, kernel, stride: block > 0 ? 1 : stride }
    }),
  )
  const side = blocks.reduce((size, { stride }) => strided(size, stride), strided(image_size, 2))
  return {
    family: FAMILY,
    hiddenSize: head_channels,
    tileSize: image_size,
    grid: [side, side],
    classTokens: 0,
    hiddenStates: 1,
    stem: stem_channels,
    blocks,
    raw,
  }
}

/** EfficientNet-lite0 at 224 × 224: 49 features of 1280 channels. */
export const LITE0: Json = {
  model_type: FAMILY,
  image_size: 224,
  stem_channels: 32,
  stages: [
    { blocks: 1, kernel: 3, stride: 1, expand: 1, channels: 16 },
    { blocks: 2, kernel: 3, stride: 2, expand: 6, channels: 24 },
    { blocks: 2, kernel: 5, stride: 2, expand: 6, channels: 40 },
    { blocks: 3, kernel: 3, stride: 2, expand: 6, channels: 80 },
    { blocks: 3, kernel: 5, stride: 1, expand: 6, channels: 112 },
    { blocks: 4, kernel: 5, stride: 2, expand: 6, channels: 192 },
    { blocks: 1, kernel: 3, stride: 1, expand: 6, channels: 320 },
  ],
  head_channels: 1280,
}

/** Pictures: (x − 127) / 128 of bytes, resized to one tile. */
export const picturesOf = ({ tileSize }: TowerConfig): Json => ({
  image_processor_type: "CLIPImageProcessor",
  do_convert_rgb: true,
  do_resize: true,
  size: { height: tileSize, width: tileSize },
  resample: 3,
  do_center_crop: false,
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: [127 / 255, 127 / 255, 127 / 255],
  image_std: [128 / 255, 128 / 255, 128 / 255],
})
