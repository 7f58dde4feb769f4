/** Pictures with questions and captions → records that training and evaluation read. */

import { type Random, randomFrom } from "../../src/data/prng.js"
import type { VqaPicture } from "./easy-vqa.js"

/** A record in LLaVA's format. */
export interface Record {
  /** Relative to the folder of the run. */
  image: string
  conversations: { from: "system" | "human" | "gpt"; value: string }[]
}

export interface Caption {
  image: string
  text: string
}

const CAPTION_QUESTION = "Describe the picture."

/**
 * Questions about a picture as turns of conversations, as LLaVA-1.5 trains sets of short answers: the picture is computed
 * once for some of them. Not for all: what is answered tells the picture as text, and whoever reads it need not look.
 * @param folder of the package, as pictures are to be named
 * @param turns of a conversation at most; a picture's questions are shared out evenly
 */
export function conversationsOf(
  pictures: readonly VqaPicture[],
  { system, folder, seed, turns }: { system: string; folder: string; seed: number; turns: number },
): Record[] {
  return pictures.flatMap(({ image, questions }, i) => {
    const mixed = shuffled(questions, randomFrom(seed, i, 11))
    const count = Math.ceil(mixed.length / turns)
    const start = (part: number): number => Math.floor((part * mixed.length) / count)
    return Array.from({ length: count }, (_, part) => ({
      image: `${folder}/${image}`,
      conversations: [
        { from: "system", value: system } as const,
        ...mixed.slice(start(part), start(part + 1)).flatMap(({ question, answer }, turn): Record["conversations"] => [
          { from: "human", value: `${turn === 0 ? "<image>\n" : ""}${question}` },
          { from: "gpt", value: answer },
        ]),
      ],
    }))
  })
}

/** Single questions about pictures, chosen at random. */
export function questionsOf(
  pictures: readonly VqaPicture[],
  { count, seed, ...where }: { count: number; system: string; folder: string; seed: number },
): Record[] {
  const single = pictures.flatMap(({ image, questions }) => questions.map((question) => ({ image, question })))
  const chosen = shuffled(single, randomFrom(seed, 12)).slice(0, count)
  return chosen.flatMap(({ image, question }) =>
    conversationsOf([{ image, questions: [question] }], { ...where, seed, turns: 1 }),
  )
}

export const captionRecords = (captions: readonly Caption[], system: string): Record[] =>
  captions.map(({ image, text }) => ({
    image,
    conversations: [
      { from: "system", value: system },
      { from: "human", value: `<image>\n${CAPTION_QUESTION}` },
      { from: "gpt", value: text },
    ],
  }))

export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const order = [...items]
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}
