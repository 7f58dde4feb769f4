/** The demo's data set on disk: pictures and LLaVA-format JSON, made from npm packages alone. Knows no model. */

import { readFile, rename, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import {
  explainFileError,
  partialName,
  sweepPartials,
  writeFileAtomic,
  writeJson,
} from "../../../src/checkpoint/files.js"
import { UserError } from "../../../src/errors.js"
import { makeFolder } from "../../../src/make-folder.js"
import { chooseConcepts, survivesMirror, THINGS, usableConcepts } from "./concepts.js"
import { randomStream } from "./random.js"
import { type EmojiRecord, evaluationRecords, type Picture, trainingRecords } from "./records.js"
import { isVisible, renderDrawing } from "./render.js"
import {
  type DrawingLicence,
  type Group,
  loadDrawings,
  loadEmojis,
  packageVersion,
  VENDORS,
  type Vendor,
} from "./sources.js"

export interface EmojiDataOptions {
  /** Side of the pictures in pixels. @default 84 */
  size?: number
  /** How many concepts, or all that are usable. @default 128 */
  concepts?: number | "all"
  /** emojibase's groups to take concepts from. @default animals, food, travel, activities, objects */
  groups?: readonly Group[]
  /** @default all four */
  vendors?: readonly Vendor[]
  /** The vendor whose drawings training never sees. @default "twemoji" */
  heldOutVendor?: Vendor
  /** Share of the concepts of which one picture of another vendor is held out as well. @default 0.15 */
  heldOutShare?: number
  /** @default 1 */
  seed?: number
  signal?: AbortSignal
}

export interface EmojiDataProgress {
  /** Pictures that are ready. */
  done: number
  /** Pictures there will be; an upper bound with `concepts: "all"`. */
  total: number
}

export interface EmojiData {
  /** JSON files in LLaVA's format, whose `image` paths are relative to their folder. */
  train: string
  heldOutVendor: string
  heldOutPictures: string
  counts: {
    concepts: number
    pictures: { train: number; heldOutVendor: number; heldOutPictures: number }
    records: { train: number; heldOutVendor: number; heldOutPictures: number }
  }
  /** Names of the concepts. */
  concepts: string[]
  licences: DrawingLicence[]
}

/** What was prepared, beside the data: the same settings again cost nothing. */
interface Stamp {
  settings: unknown
  counts: EmojiData["counts"]
  concepts: string[]
  licences: DrawingLicence[]
}

/** Changes whenever the same settings give other data. */
const FORMAT = 3
const STAMP = "prepared.json"
const FILES = { train: "train.json", heldOutVendor: "heldout-vendor.json", heldOutPictures: "heldout-pictures.json" }

/**
 * Makes the data set in `folder`, or finds it there. Interrupted, it goes on with the pictures that are missing. The
 * same options give the same bytes.
 * @throws UserError for impossible options, a missing package, a full disk
 */
export async function prepareEmojiData(
  folder: string,
  options: EmojiDataOptions = {},
  onProgress: (progress: EmojiDataProgress) => void = () => {},
): Promise<EmojiData> {
  const { size = 84, concepts = 128, groups = THINGS, vendors = VENDORS, seed = 1, signal } = options
  const { heldOutVendor = "twemoji", heldOutShare = 0.15 } = options
  if (!vendors.includes(heldOutVendor) || vendors.length < 2) {
    throw new UserError(`the held-out vendor "${heldOutVendor}" needs to be one of several vendors`, {
      where: "vendors",
      fix: `Name it and at least one more of ${VENDORS.join(", ")}.`,
    })
  }
  const settings = {
    ...{ format: FORMAT, size, concepts, groups, vendors, heldOutVendor, heldOutShare, seed },
    packages: (["names", ...vendors] as const).map((source) => `${source} ${packageVersion(source)}`),
  }
  const stamp = await readStamp(folder)
  if (stamp && JSON.stringify(stamp.settings) === JSON.stringify(settings)) return describe(folder, stamp)

  const drawings = vendors.map(loadDrawings)
  const usable = usableConcepts(loadEmojis(), groups)
  const total = (concepts === "all" ? usable.length : concepts) * vendors.length
  let done = 0
  const drawn = await chooseConcepts(usable, concepts, seed, async (emoji) => {
    signal?.throwIfAborted()
    const pictures: (Picture & { svg: string })[] = drawings.flatMap(({ vendor, version, svg }) => {
      // The path holds all that the pixels depend on, so whatever lies there already is the right picture.
      const image = `images/${size}/${vendor}-${version}/${emoji.code}.png`
      const drawing = svg(emoji.code)
      return drawing ? [{ emoji, vendor, image, mirror: survivesMirror(emoji), svg: drawing }] : []
    })
    if (pictures.length < vendors.length) return undefined
    const visible = await Promise.all(pictures.map(({ image, svg }) => draw(join(folder, image), svg, size)))
    if (visible.includes(false)) return undefined
    done += pictures.length
    onProgress({ done, total })
    return { emoji, pictures }
  })

  const chosen = drawn.map(({ emoji }) => emoji)
  const pictures = split(
    drawn.map((concept) => concept.pictures),
    heldOutVendor,
    heldOutShare,
    seed,
  )
  const records = {
    train: trainingRecords(pictures.train, chosen, seed),
    heldOutVendor: evaluationRecords(pictures.heldOutVendor, chosen, seed),
    heldOutPictures: evaluationRecords(pictures.heldOutPictures, chosen, seed),
  }
  const parts = Object.keys(FILES) as (keyof typeof FILES)[]
  for (const part of parts) await writeRecords(join(folder, FILES[part]), records[part])
  const sizes = (sets: Record<keyof typeof FILES, unknown[]>) => ({
    train: sets.train.length,
    heldOutVendor: sets.heldOutVendor.length,
    heldOutPictures: sets.heldOutPictures.length,
  })
  const prepared: Stamp = {
    settings,
    counts: { concepts: chosen.length, pictures: sizes(pictures), records: sizes(records) },
    concepts: chosen.map(({ name }) => name),
    licences: drawings.map(({ licence }) => licence),
  }
  await writeJson(join(folder, STAMP), prepared)
  return describe(folder, prepared)
}

/** Reads one of the JSON files back. */
export async function readEmojiRecords(file: string): Promise<EmojiRecord[]> {
  return JSON.parse(await readFile(file, "utf8")) as EmojiRecord[]
}

function describe(folder: string, { counts, concepts, licences }: Stamp): EmojiData {
  const paths = { train: FILES.train, heldOutVendor: FILES.heldOutVendor, heldOutPictures: FILES.heldOutPictures }
  for (const part of Object.keys(paths) as (keyof typeof paths)[]) paths[part] = join(folder, paths[part])
  return { ...paths, counts, concepts, licences }
}

/** The stamp of finished data; undefined when there is none or when it was cut short. */
async function readStamp(folder: string): Promise<Stamp | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, STAMP), "utf8")) as Stamp
  } catch {
    return undefined
  }
}

/** Draws one picture unless an earlier run has. False where it is empty or white on white. */
async function draw(file: string, svg: string, size: number): Promise<boolean> {
  const earlier = await readFile(file).catch(() => undefined)
  // A file that a crash cut short does not decode: it is drawn again.
  const visible = earlier && (await isVisible(earlier).catch(() => undefined))
  if (visible !== undefined) return visible

  const png = await renderDrawing(svg, size)
  if (!png) return false
  try {
    makeFolder(dirname(file))
    await writeFile(partialName(file), png)
    await rename(partialName(file), file)
  } catch (error) {
    throw explainFileError(error, file)
  }
  return await isVisible(png)
}

/** Held out are one vendor and, of some concepts, one picture of the others, never a concept's last one. */
function split(concepts: Picture[][], vendor: Vendor, share: number, seed: number) {
  const random = randomStream(seed, "held-out pictures")
  const heldOutVendor = concepts.flatMap((pictures) => pictures.filter((picture) => picture.vendor === vendor))
  const others = concepts.map((pictures) => pictures.filter((picture) => picture.vendor !== vendor))
  const candidates = random.shuffle(others.filter((pictures) => pictures.length > 1))
  const heldOutPictures = candidates
    .slice(0, Math.round(share * concepts.length))
    .map((pictures) => pictures[random.below(pictures.length)])
  const train = others.flat().filter((picture) => !heldOutPictures.includes(picture))
  return { train, heldOutVendor, heldOutPictures }
}

/** A JSON array, one record per line. */
async function writeRecords(file: string, records: readonly EmojiRecord[]): Promise<void> {
  makeFolder(dirname(file))
  await sweepPartials(dirname(file))
  await writeFileAtomic(file, `[\n${records.map((record) => JSON.stringify(record)).join(",\n")}\n]\n`)
}
