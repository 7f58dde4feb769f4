/** Documents in the benchmarks' schemas about drawings that the built-in models know something of, with pictures of all formats. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import sharp from "sharp"
import { hubMetadata, type ParquetColumn, writeParquet } from "../support/parquet-file.js"

const emoji = resolve(import.meta.dirname, "../../recipes/emoji-small")
const COUNT = 18
const indices = Array.from({ length: COUNT }, (_, i) => i)

interface Drawing {
  name: string
  file: string
}

const drawings: Drawing[] = readFileSync(join(emoji, "name.jsonl"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line))
  .map(({ image, conversations }) => ({ name: conversations[1].value, file: join(emoji, image) }))

/** A drawing as it is, and in other formats: what a program makes of their colours, their alpha and their orientation decides answers. */
const FORMATS: ((file: string) => Promise<{ bytes: Uint8Array; format: string }>)[] = [
  async (file) => ({ bytes: readFileSync(file), format: "png" }),
  async (file) => ({ bytes: await sharp(file).flatten().jpeg({ quality: 80 }).toBuffer(), format: "jpg" }),
  async (file) => ({ bytes: await sharp(file).flatten().png({ palette: true }).toBuffer(), format: "png" }),
  async (file) => ({ bytes: await sharp(file).flatten().greyscale().png().toBuffer(), format: "png" }),
  async (file) => ({
    bytes: await sharp(file)
      .flatten()
      .resize(120, 60, { fit: "fill" })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer(),
    format: "jpg",
  }),
  async (file) => ({
    bytes: await sharp(file)
      .resize(300, 200, { fit: "fill" })
      .ensureAlpha(0.5)
      .composite([{ input: file, blend: "dest-out", gravity: "northwest" }])
      .webp({ lossless: true })
      .toBuffer(),
    format: "webp",
  }),
]

/** Four names, the right one among them at a place of its own, and its letter. */
function optionsOf(i: number): { options: string[]; letter: string } {
  const others = [1, 2, 3].map((step) => drawings[(i + step * 7) % drawings.length].name)
  const options = [...others.slice(0, i % 4), drawings[i].name, ...others.slice(i % 4)]
  return { options, letter: "ABCD"[i % 4] }
}

const choiceOf = (i: number): string => `${optionsOf(i).options.join("/")}?`

/** Parquet files of the benchmarks, and several.jsonl beside its pictures. */
export async function writeDocuments(folder: string): Promise<void> {
  const files = await Promise.all(
    Array.from({ length: COUNT + 2 }, (_, i) => FORMATS[i % FORMATS.length](drawings[i].file)),
  )
  const pictures = files.map(({ bytes, format }, i) => ({ bytes, path: `${i}.${format}` }))
  const image: ParquetColumn = { type: "image", values: pictures.slice(0, COUNT) }
  const texts = (of: (i: number) => unknown): ParquetColumn => ({ type: "string", values: indices.map((i) => of(i)) })
  const names = texts((i) => drawings[i].name)
  const letters = texts((i) => optionsOf(i).letter)
  const option = (k: number) => texts((i) => optionsOf(i).options[k])
  const tables: Record<string, Record<string, ParquetColumn>> = {
    ai2d: {
      question: texts(choiceOf),
      options: { type: "[string]", values: indices.map((i) => optionsOf(i).options) },
      answer: texts((i) => String(i % 4)),
      image,
    },
    chartqa: {
      type: texts((i) => (i % 2 ? "augmented_test" : "human_test")),
      question: texts(() => "What is this?"),
      answer: names,
      image,
    },
    mme: {
      question_id: texts((i) => `${i >> 1}.png`),
      image: { type: "image", values: indices.map((i) => pictures[i >> 1]) },
      question: texts((i) => `${choiceOf(i)} Please answer yes or no.`),
      answer: texts((i) => (i % 2 ? "No" : "Yes")),
      category: texts((i) => (i % 4 < 2 ? "color" : "OCR")),
    },
    mmstar: {
      index: { type: "int64", values: indices.map(BigInt) },
      question: texts(choiceOf),
      image,
      answer: letters,
      category: texts(() => "coarse perception"),
      l2_category: texts((i) => `kind ${i % 3}`),
    },
    realworldqa: { image, question: texts(() => "What is this?"), answer: names },
    seedbench: {
      answer: letters,
      choice_a: option(0),
      choice_b: option(1),
      choice_c: option(2),
      choice_d: option(3),
      data_id: texts(String),
      data_type: texts((i) => (i % 2 ? "video" : "image")),
      image: { type: "[image]", values: indices.map((i) => pictures.slice(i, i + (i % 2 ? 3 : 1))) },
      question: texts(() => "What is this?"),
      question_id: texts(String),
      question_type_id: { type: "int64", values: indices.map(() => 1n) },
      segment: texts(() => "[]"),
    },
  }
  for (const [name, columns] of Object.entries(tables))
    writeParquet(join(folder, `${name}.parquet`), columns, { kvMetadata: hubMetadata(columns) })

  mkdirSync(join(folder, "pictures"))
  for (const { bytes, path } of pictures) writeFileSync(join(folder, "pictures", path), bytes)
  const several = indices.map((i) => ({
    images: pictures.slice(i, i + 3).map(({ path }) => `pictures/${path}`),
    question: choiceOf(i),
    options: optionsOf(i).options,
    answer: optionsOf(i).letter,
  }))
  writeFileSync(join(folder, "several.jsonl"), several.map((doc) => `${JSON.stringify(doc)}\n`).join(""))
}
