/** What is asked about pictures, as tasks: the questions that were prepared, and the same with the pictures of others. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { writeFileAtomic } from "../../src/checkpoint/files.js"
import { parseSample } from "../../src/data/llava.js"
import { questionsTask } from "../../src/eval/ablate/questions-task.js"
import { textOf } from "../../src/eval/own-task/llava.js"
import { writeTaskFile } from "../../src/eval/own-task/task-file.js"
import { closeTasks, type OpenTask, openTasks } from "../../src/eval/run/open-tasks.js"
import type { Message } from "../../src/text/conversation.js"
import type { Record } from "./conversations.js"
import { encoderIn } from "./given.js"
import type { PictureSet } from "./plan.js"
import type { PreparedData } from "./prepare.js"

/** A question with its answer, for the report. */
export interface Asked {
  /** The conversation up to the answer. */
  messages: Message[]
  question: string
  /** Path of the picture. */
  picture: string
  reference: string
}

export interface AskedSet {
  asked: Asked[]
  task: OpenTask
}

export type AskedSets = Readonly<{ [set in PictureSet]: AskedSet }>

/**
 * @param folder of the run, which pictures' paths are relative to
 * @param evaluation where task files are written
 */
export async function openAskedSets(
  { files, encoder }: Pick<PreparedData, "files" | "encoder">,
  folder: string,
  evaluation: string,
): Promise<AskedSets> {
  const unseen = join(evaluation, "unseen.jsonl")
  await writeUnseen(files.questions, unseen)
  const captions = ["word-f1", `bertscore:${await encoderIn(encoder)}`]
  const sets: [PictureSet, string, string[]][] = [
    ["easy-vqa", files.questions, ["exact"]],
    ["unseen", unseen, ["exact"]],
    ["captions", files.heldOutCaptions, captions],
  ]
  const opened: [PictureSet, AskedSet][] = []
  for (const [set, questions, metrics] of sets) {
    const file = join(evaluation, `${set}.yaml`)
    await writeTaskFile(file, questionsTask({ questions, imageRoot: folder, metrics }))
    const [task] = await openTasks([file])
    opened.push([set, { task, asked: recordsIn(questions).map((record) => askedIn(record, folder)) }])
  }
  return Object.fromEntries(opened) as AskedSets
}

export const closeAskedSets = (sets: AskedSets): void => closeTasks(Object.values(sets).map(({ task }) => task))

const recordsIn = (file: string): Record[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line))

function askedIn(record: Record, folder: string): Asked {
  const { messages, images } = parseSample(record, "", folder)
  const [answer, question] = [messages.at(-1)!, messages.at(-2)!]
  return {
    messages: messages.slice(0, -1),
    question: textOf(question.content),
    picture: images[0],
    reference: textOf(answer.content),
  }
}

/** Each question with a picture that is about something else. */
async function writeUnseen(questions: string, file: string): Promise<void> {
  const records = recordsIn(questions)
  const far = (i: number): Record => records[(i + Math.ceil(records.length / 2)) % records.length]
  const lines = records.map((record, i) => JSON.stringify({ ...record, image: far(i).image }))
  await writeFileAtomic(file, `${lines.join("\n")}\n`)
}
