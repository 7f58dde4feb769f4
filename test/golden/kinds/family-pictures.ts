/** Golden cases of families' pictures and prompts: pixels as their towers take them, and the ids that pictures stand for. */

import type { ImageInput } from "../../../src/models/types.js"
import { imageProcessorOf, requireImages } from "../../../src/models/vision/images.js"
import { spanOf } from "../../../src/text/image-span.js"
import { IMAGE } from "../../../src/text/message.js"
import { Tokenizer } from "../../../src/text/tokenizer/tokenizer.js"
import { expectEntriesNear, expectEqual, Mismatch, sha256 } from "../check.js"
import type { FixtureFolder, JsonDocument } from "../folder.js"
import { type Json, recordsWith } from "../json.js"
import { picturesOf } from "../model-pictures.js"
import type { ShelfModel } from "../models.js"
import { TOLERANCES } from "../tolerances.js"
import type { FixtureCase, Recogniser } from "../types.js"

interface PixelRecord {
  key: string
  images: string[]
  pixel_values: { shape: number[]; first16: number[]; last16: number[]; sha256_f32le?: string }
}

/** Tiles or patches. */
type Prepared = ImageInput & { pixelValues: Float32Array }

export const recogniseFamilyPixels: Recogniser = (document, folder) => {
  const records = recordsWith(document.value, "key", "model", "images", "pixel_values", "features")
  const cases = records.flatMap((record): FixtureCase[] => {
    const model = folder.models.named(record.model)
    if (!model?.supported) return []
    return [
      { id: String(record.key), run: () => checkPixels(record as unknown as PixelRecord, model, folder, document) },
    ]
  })
  return cases.length === 0 ? [] : [{ kind: "image processing, families", cases }]
}

async function checkPixels(
  { images, pixel_values: want }: PixelRecord,
  model: ShelfModel,
  folder: FixtureFolder,
  document: JsonDocument,
): Promise<void> {
  const config = folder.models.config(model)
  const prepared = (await picturesOf(images, config, model.folder, document, folder)) as Prepared[]
  // A batch of pictures with different numbers of tiles is filled up with zeros.
  const perPicture = want.shape.length === 5 && want.shape[0] === images.length ? product(want.shape.slice(1)) : 0
  const sizes = prepared.map(({ pixelValues }) => Math.max(pixelValues.length, perPicture))
  const pixels = new Float32Array(sizes.reduce((sum, size) => sum + size, 0))
  let at = 0
  prepared.forEach(({ pixelValues }, i) => {
    pixels.set(pixelValues, at)
    at += sizes[i]
  })
  expectEqual(pixels.length, product(want.shape), "number of pixel values")
  if (want.sha256_f32le) expectEqual(sha256(pixels), want.sha256_f32le, "pixel values")
  expectEntriesNear(pixels.subarray(0, 16), want.first16, TOLERANCES.pixels, "first pixel values")
  expectEntriesNear(pixels.subarray(-16), want.last16, TOLERANCES.pixels, "last pixel values")
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

export const recogniseFamilyPrompts: Recogniser = (document, folder) => {
  const names = new Set(folder.tensorNames(document))
  const records = recordsWith(document.value, "key", "model", "kind", "images", "prompt")
  const cases = records.flatMap((record): FixtureCase[] => {
    const model = folder.models.named(record.model)
    if (record.kind !== "ar vl" || !model?.supported || !names.has(`${record.key}.input_ids`)) return []
    return [{ id: String(record.key), run: () => checkPrompt(record, model, folder, document) }]
  })
  return cases.length === 0 ? [] : [{ kind: "prompts with pictures, families", cases }]
}

async function checkPrompt(
  record: Json,
  model: ShelfModel,
  folder: FixtureFolder,
  document: JsonDocument,
): Promise<void> {
  const config = folder.models.config(model)
  const tokenizer = Tokenizer.load(model.folder)
  const pad = config.tokens.imagePad
  if (pad === undefined) throw new Mismatch(`${model.name} has no token for pictures`)
  const processor = requireImages(imageProcessorOf(config, model.folder))
  const spans: (number | Int32Array)[] = []
  for (const name of record.images as string[])
    spans.push(spanOf(processor.pieces(await folder.pictures.picture(name, document), { among: 1 }), tokenizer))
  const ids = tokenizer.encode(String(record.prompt), { special: true })
  const expanded = expand(ids, pad, spans).map((id) => (id === IMAGE ? pad : id))
  expectEqual(expanded, folder.tensor(`${record.key}.input_ids`, document).toNumbers(), "ids")
}

/** The ids with what each picture stands for. Some prompts were written down after their placeholders had been repeated in place. */
function expand(ids: readonly number[], pad: number, spans: readonly (number | Int32Array)[]): number[] {
  const repeated = ids.filter((id) => id === pad).length !== spans.length
  const expanded: number[] = []
  let picture = 0
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] !== pad) {
      expanded.push(ids[i])
      continue
    }
    const span = spans[picture++]
    if (span === undefined) throw new Mismatch("the prompt has more pictures than the case")
    const filled = typeof span === "number" ? Array<number>(span).fill(IMAGE) : span
    expanded.push(...filled)
    if (repeated) i += filled.length - 1
  }
  return expanded
}
