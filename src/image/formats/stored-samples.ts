/** The samples of a picture as they are stored, without any conversion of colours. */

import type { Sharp } from "sharp"

export interface StoredSamples {
  width: number
  height: number
  channels: number
  /** [height, width, channels] */
  samples: Uint8Array | Uint16Array
}

/**
 * @param space of the stored colours, as sharp calls it
 * @param isDeep whether samples have 16 bits, not 8
 */
export async function storedSamples(
  image: Sharp,
  space: "srgb" | "rgb16" | "cmyk" | "grey16",
  isDeep: boolean,
): Promise<StoredSamples> {
  const { data, info } = await image
    .pipelineColourspace(space)
    .toColourspace(space)
    .raw({ depth: isDeep ? "ushort" : "uchar" })
    .toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  const samples = isDeep
    ? new Uint16Array(data.buffer, data.byteOffset, width * height * channels)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return { width, height, channels, samples }
}
