/** Drawings and their names: which are trained on, and which are held out. */

import { dirname, join } from "node:path"
import { prepareEmojiData, readEmojiRecords } from "../../examples/emoji/data/prepare.js"
import { type DrawingLicence, loadEmojis } from "../../examples/emoji/data/sources.js"
import { randomFrom } from "../../src/data/prng.js"
import { decodeImage } from "../../src/image/decode.js"
import type { Settings } from "./settings.js"

/** One thing, drawn by one or several. */
export interface Concept {
  name: string
  /** What else it may be called: the name with one of its tags. */
  texts: string[]
  /** Pixels of each drawing, [3, S, S] in −1 … 1. */
  drawings: { pixels: Float32Array; mayFlip: boolean }[]
}

export interface Drawings {
  train: Concept[]
  /** Drawings of the same things by a vendor that training never saw. */
  otherVendor: Concept[]
  /** Of things that it never saw, by that vendor. */
  otherThings: Concept[]
  licences: DrawingLicence[]
}

export async function readDrawings(
  folder: string,
  { data, seed }: Pick<Settings, "data" | "seed">,
  options: { signal?: AbortSignal; onProgress?: (done: number, total: number) => void } = {},
): Promise<Drawings> {
  const { size, concepts, held_out_concepts } = data
  const prepared = await prepareEmojiData(
    folder,
    { size, concepts, seed, heldOutShare: 0, signal: options.signal },
    ({ done, total }) => options.onProgress?.(done, total),
  )
  const tags = new Map(loadEmojis().map(({ name, tags }) => [name, tags]))
  const read = (file: string): Promise<Map<string, Concept>> => conceptsIn(file, tags)
  const [drawn, other] = [await read(prepared.train), await read(prepared.heldOutVendor)]
  const random = randomFrom(seed, 21)
  const isHeldOut = new Map(prepared.concepts.map((name) => [name, random() < held_out_concepts]))
  const of = (concepts: Map<string, Concept>, heldOut: boolean): Concept[] =>
    [...concepts.values()].filter(({ name }) => isHeldOut.get(name) === heldOut)
  return {
    train: of(drawn, false),
    otherVendor: of(other, false),
    otherThings: of(other, true),
    licences: prepared.licences,
  }
}

async function conceptsIn(file: string, tags: ReadonlyMap<string, string[]>): Promise<Map<string, Concept>> {
  const concepts = new Map<string, Concept>()
  const seen = new Set<string>()
  for (const { image, concept: name, augmentations } of await readEmojiRecords(file)) {
    if (seen.has(image)) continue
    seen.add(image)
    const texts = [name, ...(tags.get(name) ?? []).map((tag) => `${name}, ${tag}`)]
    const concept = concepts.get(name) ?? { name, texts, drawings: [] }
    const pixels = pixelsOf(await decodeImage(join(dirname(file), image)))
    concept.drawings.push({ pixels, mayFlip: augmentations?.flip !== false })
    concepts.set(name, concept)
  }
  return concepts
}

/** As SigLIP's image processor normalises: (x / 255 − 0.5) / 0.5. */
function pixelsOf({ data, width, height }: { data: Uint8Array; width: number; height: number }): Float32Array {
  const plane = width * height
  return Float32Array.from({ length: 3 * plane }, (_, i) => data[3 * (i % plane) + Math.floor(i / plane)] / 127.5 - 1)
}

/** Moved by up to an eighth of its side, and mirrored where it may be; white comes in. */
export function varied(
  { pixels, mayFlip }: Concept["drawings"][number],
  side: number,
  random: () => number,
): Float32Array {
  const most = Math.floor(side / 8)
  const [dx, dy] = [0, 0].map(() => Math.floor(random() * (2 * most + 1)) - most)
  const flips = random() < 0.5 && mayFlip
  const out = new Float32Array(pixels.length).fill(1)
  for (let channel = 0; channel < 3; channel++)
    for (let y = Math.max(0, dy); y < Math.min(side, side + dy); y++)
      for (let x = Math.max(0, dx); x < Math.min(side, side + dx); x++) {
        const from = flips ? side - 1 - (x - dx) : x - dx
        out[(channel * side + y) * side + x] = pixels[(channel * side + y - dy) * side + from]
      }
  return out
}
