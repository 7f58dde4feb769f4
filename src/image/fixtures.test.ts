/** Golden values of Pillow and the Hugging Face image processor, where the shared fixtures are at hand. */

import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { decodeImage } from "./decode.js"
import { padToSquare, qwenImage, smartResize } from "./qwen.js"
import { resize } from "./resize.js"

const folder = resolve(import.meta.dirname, "..", "..", "..", "shared", "fixtures", "images")
const sha = (data: Uint8Array | Float32Array): string =>
  createHash("sha256")
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest("hex")

describe.skipIf(!existsSync(folder))("golden images", () => {
  const golden = existsSync(folder) ? JSON.parse(readFileSync(join(folder, "processing.json"), "utf8")) : { images: [] }
  it("smart_resize table", () => {
    const limits = { upstream: [147456, 262144], hf_default: [3136, 12845056], small: [12544, 50176] } as const
    for (const row of golden.smart_resize.rows) {
      for (const [name, [min, max]] of Object.entries(limits)) {
        const size = () => smartResize(row.h, row.w, golden.smart_resize.factor, min, max)
        if (row.error) expect(size).toThrow(/200 times/)
        else expect(size()).toEqual(row[name])
      }
    }
  })
  for (const record of golden.images) {
    it(`${record.file}: decoded, padded, resized, patches`, async () => {
      const image = await decodeImage(join(folder, record.file))
      expect([image.width, image.height]).toEqual(record.size)
      expect(sha(image.data)).toBe(record.decoded_rgb_sha256)
      for (const [kind, limits] of [
        ["qwen_native", [147456, 262144]],
        ["qwen_padded", [147456, 262144]],
        ["qwen_small", [12544, 50176]],
      ] as const) {
        const want = record[kind]
        if (!want) continue
        const source = kind === "qwen_padded" ? padToSquare(image) : image
        const [h, w] = smartResize(source.height, source.width, 28, limits[0], limits[1])
        expect([w, h]).toEqual(want.resized_size)
        expect(sha(resize(source, w, h).data)).toBe(want.resized_rgb_sha256)
        const { pixelValues, grid } = qwenImage(source, { minPixels: limits[0], maxPixels: limits[1] })
        expect(grid).toEqual(want.grid_thw)
        if (want.padded_rgb_sha256) expect(sha(source.data)).toBe(want.padded_rgb_sha256)
        if (want.pixel_values) expect([...pixelValues.subarray(0, 64)]).toEqual(want.pixel_values.first64)
        expect(sha(pixelValues)).toBe(want.pixel_values?.sha256_f32le ?? want.pixel_values_sha256_f32le)
      }
    })
  }
})
