/** Pictures to records in LLaVA's format: which questions each picture is asked, with which options. */

import { chooseQuestion, DESCRIBE_QUESTIONS, describeAnswer, type EmojiTask, NAME_QUESTIONS } from "./questions.js"
import { type RandomStream, randomStream } from "./random.js"
import type { Emoji, Vendor } from "./sources.js"

/** One drawing of one concept. */
export interface Picture {
  emoji: Emoji
  vendor: Vendor
  /** Path of the PNG, relative to the data folder, with "/". */
  image: string
  /** Whether a mirrored copy still deserves its name. */
  mirror: boolean
}

/** One question about one picture. */
export interface EmojiRecord {
  id: string
  /** Relative to the folder of the JSON file. */
  image: string
  task: EmojiTask
  /** LLaVA's form: one question that starts with "<image>\n", one answer. */
  conversations: [{ from: "human"; value: string }, { from: "gpt"; value: string }]
  answer: string
  /** Of `choose`: the four names, in the order of the question. */
  options?: string[]
  /** The concept's name. */
  concept: string
  vendor: Vendor
  /** Only where a mirrored picture would no longer deserve its name. */
  augmentations?: { flip: false }
  /** Of `choose` in training: pictures of concepts that are no option, to be mixed into this one. */
  mix_with?: string[]
}

/** Names a multiple-choice question is between; so many concepts there must be. */
export const OPTIONS = 4
/** Multiple-choice questions per training picture, each with other distractors. */
const CHOOSE_VARIANTS = 8
const MIX_PICTURES = 4

/** Everything training asks about its pictures: all wordings, several sets of options. */
export function trainingRecords(pictures: readonly Picture[], concepts: readonly Emoji[], seed: number): EmojiRecord[] {
  const random = randomStream(seed, "training questions")
  return pictures.flatMap((picture) => [
    ...NAME_QUESTIONS.map((question, i) => nameRecord(picture, question, i)),
    ...Array.from({ length: CHOOSE_VARIANTS }, (_, i) => {
      // Half of the questions have look-alikes as distractors, so that the options alone do not give the answer.
      const pool = i % 2 === 0 ? concepts : concepts.filter((emoji) => emoji.group === picture.emoji.group)
      const record = chooseRecord(picture, i, chooseOptions(picture.emoji, pool, concepts, random))
      return { ...record, mix_with: mixPictures(record.options!, pictures, random) }
    }),
    ...DESCRIBE_QUESTIONS.map((question, i) => describeRecord(picture, question, i)),
  ])
}

/** One question of each task per picture, with options drawn at random from all concepts, the same in every run. */
export function evaluationRecords(
  pictures: readonly Picture[],
  concepts: readonly Emoji[],
  seed: number,
): EmojiRecord[] {
  return pictures.flatMap((picture) => {
    const random = randomStream(seed, `options of ${picture.vendor}/${picture.emoji.code}`)
    return [
      nameRecord(picture, NAME_QUESTIONS[0], 0),
      chooseRecord(picture, 0, chooseOptions(picture.emoji, concepts, concepts, random)),
      describeRecord(picture, DESCRIBE_QUESTIONS[0], 0),
    ]
  })
}

function nameRecord(picture: Picture, question: string, variant: number): EmojiRecord {
  return makeRecord(picture, "name", variant, question, picture.emoji.name)
}

function describeRecord(picture: Picture, question: string, variant: number): EmojiRecord {
  return makeRecord(picture, "describe", variant, question, describeAnswer(picture.emoji))
}

function chooseRecord(picture: Picture, variant: number, options: string[]): EmojiRecord {
  return { ...makeRecord(picture, "choose", variant, chooseQuestion(options), picture.emoji.name), options }
}

function makeRecord(
  { emoji, vendor, image, mirror }: Picture,
  task: EmojiTask,
  variant: number,
  question: string,
  answer: string,
): EmojiRecord {
  return {
    id: `${vendor}/${emoji.code}/${task}/${variant}`,
    image,
    task,
    conversations: [
      { from: "human", value: `<image>\n${question}` },
      { from: "gpt", value: answer },
    ],
    answer,
    concept: emoji.name,
    vendor,
    ...(!mirror && { augmentations: { flip: false } }),
  }
}

/** The right name among three others, shuffled; where the pool is too small, the rest comes from all concepts. */
function chooseOptions(right: Emoji, pool: readonly Emoji[], all: readonly Emoji[], random: RandomStream): string[] {
  const options = new Set([right.name])
  const source = pool.length >= OPTIONS ? pool : all
  while (options.size < Math.min(OPTIONS, source.length)) options.add(source[random.below(source.length)].name)
  return random.shuffle([...options])
}

function mixPictures(options: readonly string[], pictures: readonly Picture[], random: RandomStream): string[] {
  const others = pictures.filter((picture) => !options.includes(picture.emoji.name))
  if (others.length === 0) return []
  return Array.from({ length: MIX_PICTURES }, () => others[random.below(others.length)].image)
}
