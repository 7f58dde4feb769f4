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
 * All questions about a picture as turns of one conversation, as LLaVA-1.5 trains sets of short answers: the picture is
 * computed once for all of them.
 * @param folder of the package, as pictures are to be named
 */
export function conversationsOf(
  pictures: readonly VqaPicture[],
  { system, folder, seed }: { system: string; folder: string; seed: number },
): Record[] {
  return pictures.map(({ image, questions }, i) => {
    const turns = shuffled(questions, randomFrom(seed, i, 11))
    return {
      image: `${folder}/${image}`,
      conversations: [
        { from: "system", value: system },
        ...turns.flatMap(({ question, answer }, turn): Record["conversations"] => [
          { from: "human", value: `${turn === 0 ? "<image>\n" : ""}${question}` },
          { from: "gpt", value: answer },
        ]),
      ],
    }
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
    conversationsOf([{ image, questions: [question] }], { ...where, seed }),
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
