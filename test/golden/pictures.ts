/** The pictures that golden cases name, as the reference decoded them, with the features models give them. */

import { decodeImage, type RgbImage } from "../../src/image/decode.js"
import {
  padToSquare,
  type QwenImage,
  type QwenImageOptions,
  qwenImage,
  smartResize,
} from "../../src/image/processors/qwen.js"
import { Mismatch, sha256 } from "./check.js"
import { isObject, type JsonDocument, listsOf } from "./json.js"

/** Pixels per side of a patch. */
const SIDE = 14

type PixelLimits = Pick<QwenImageOptions, "minPixels" | "maxPixels">

/** The latest pictures are kept: cases about one picture come in a row. */
const HELD = 8

/** The documents that name pictures, and where a picture that one names lies. */
interface PictureFiles {
  documents: readonly JsonDocument[]
  file(name: string, near: JsonDocument): string
}

export class Pictures {
  readonly #folder: PictureFiles
  /** For pictures whose decoding differs between libraries: the reference's pixels, and where they are stored. */
  readonly #decoded = new Map<string, { sha256: string; file: string }>()
  readonly #limits: PixelLimits[] = []
  readonly #held = new Map<string, RgbImage>()

  constructor(folder: PictureFiles) {
    this.#folder = folder
    for (const document of folder.documents) {
      this.#limits.push(...limitsIn(document.value))
      for (const record of listsOf(document.value).flat()) {
        if (!isObject(record) || typeof record.decoded_png !== "string") continue
        const file = folder.file(record.decoded_png, document)
        this.#decoded.set(folder.file(String(record.file), document), {
          sha256: String(record.decoded_rgb_sha256),
          file,
        })
      }
    }
  }

  /** The picture, from the reference's own decoding where ours differs and that is at hand. */
  async picture(name: string, near: JsonDocument): Promise<RgbImage> {
    const path = this.#folder.file(name, near)
    const held = this.#held.get(path)
    if (held) return held
    const ours = await decodeImage(path)
    const reference = this.#decoded.get(path)
    const picture = reference && sha256(ours.data) !== reference.sha256 ? await decodeImage(reference.file) : ours
    if (this.#held.size >= HELD) this.#held.delete(this.#held.keys().next().value as string)
    this.#held.set(path, picture)
    return picture
  }

  /** Pixels of several pictures, on a square canvas first where `pad` says so. */
  async prepared(
    names: readonly string[],
    near: JsonDocument,
    options: QwenImageOptions,
    pad: boolean,
  ): Promise<QwenImage[]> {
    const prepared: QwenImage[] = []
    for (const name of names) {
      const picture = await this.picture(name, near)
      prepared.push(qwenImage(pad ? padToSquare(picture) : picture, options))
    }
    return prepared
  }

  /**
   * Pixels of several pictures with these grids. Some cases were made with a processor that neither they nor the model
   * name: of the limits that any document states, those are taken that give the grids.
   */
  async fitting(
    names: readonly string[],
    near: JsonDocument,
    own: PixelLimits,
    grids: readonly (readonly number[])[],
  ): Promise<QwenImage[]> {
    const pictures: RgbImage[] = []
    for (const name of names) pictures.push(await this.picture(name, near))
    const fits = ({ minPixels, maxPixels }: PixelLimits): boolean =>
      pictures.every(({ width, height }, i) => {
        const size = smartResize(height, width, SIDE * 2, minPixels, maxPixels)
        return size[0] === SIDE * grids[i]?.[1] && size[1] === SIDE * grids[i][2]
      })
    const limits = [own, ...this.#limits].find(fits)
    if (!limits || names.length !== grids.length)
      throw new Mismatch(
        `no limits of the pixels that are stated anywhere give the grids ${grids.map((grid) => `[${grid}]`).join(", ")}`,
      )
    return pictures.map((picture) => qwenImage(picture, limits))
  }
}

/** Every pair of …min_pixels and …max_pixels in a document. */
function limitsIn(value: unknown): PixelLimits[] {
  const objects = [value, ...listsOf(value).flat()].filter(isObject)
  return objects.flatMap((object) =>
    Object.entries(object).flatMap(([key, minPixels]): PixelLimits[] => {
      const maxPixels = object[key.replace(/min_pixels$/, "max_pixels")]
      const paired = key.endsWith("min_pixels") && typeof minPixels === "number" && typeof maxPixels === "number"
      return paired ? [{ minPixels, maxPixels }] : []
    }),
  )
}
