/**
 * What a format does to answers: the same questions about pictures without one and with several, one format after the other for each
 * question; how many answers are right, which were gained and lost by the format, and what a forward takes.
 *
 *   npm run example bench/structured-quality.ts -- [--model NAME] [--questions FILE] [--task NAME] [--limit N] [--max-tokens N]
 *     [--remasking STRATEGY] [--show]
 *
 * FILE has records as trainings read them, of one question and a short answer. Without one, drawings of emoji are made and asked about.
 */

import { readFile } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { parseArgs } from "node:util"
import { type AnswerFormat, type DecodingOptions, generateText, openModel, registerTower } from "diffusionvl"
import { efficientNetLite } from "../examples/efficientnet-lite0/tower.js"
import { prepareEmojiData } from "../examples/emoji/data/prepare.js"
import { isExact } from "../examples/emoji/metrics.js"
import { conversationOf, type Turn } from "../src/data/llava.js"

interface Question {
  messages: ReturnType<typeof conversationOf>
  image: string
  expected: string
  /** Of a question that names them: "cat/dog/tree/house?". */
  options?: string[]
}

interface Way {
  name: string
  /** Of this question; every answer of the file is `any`. */
  format?(question: Question, any: string[]): AnswerFormat
  /** What the answer says, if it has the form that was asked for. */
  read(text: string): string | undefined
}

const json = (answer: object): AnswerFormat => ({
  type: "json_schema",
  schema: { type: "object", properties: { answer }, required: ["answer"], additionalProperties: false },
})
const answerOf = (text: string): string | undefined => {
  try {
    return JSON.parse(text).answer
  } catch {
    return undefined
  }
}
const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")

const WAYS: Way[] = [
  { name: "no format", read: (text) => text },
  {
    name: "one of the answers",
    format: ({ options }, any) => ({ type: "regex", pattern: (options ?? any).map(escaped).join("|") }),
    read: (text) => text,
  },
  { name: '{"answer": any text}', format: () => json({ type: "string" }), read: answerOf },
  {
    name: '{"answer": one of the answers}',
    format: ({ options }, any) => json({ enum: options ?? any }),
    read: answerOf,
  },
]

interface Record {
  image: string
  task?: string
  conversations: Turn[]
}

async function readQuestions(file: string, task: string | undefined, limit: number): Promise<Question[]> {
  const text = await readFile(file, "utf8")
  const records: Record[] = file.endsWith(".jsonl")
    ? text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line))
    : JSON.parse(text)
  const wanted = records.filter((record) => task === undefined || record.task === task).slice(0, limit)
  return wanted.map(({ image, conversations }) => {
    const messages = conversationOf(conversations.slice(0, -1), true)
    const asked = String(conversations.at(-2)!.value).replace("<image>", "").trim()
    return {
      messages,
      image: resolve(dirname(file), image),
      expected: String(conversations.at(-1)!.value),
      ...(/^[^/]+(\/[^/]+)+\?$/.test(asked) && { options: asked.slice(0, -1).split("/") }),
    }
  })
}

interface Tally {
  right: boolean[]
  whole: number
  tokens: number
  forwards: number
  /** Milliseconds of a forward, of each answer. */
  times: number[]
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      model: { type: "string", default: "emoji-diffusion" },
      questions: { type: "string" },
      task: { type: "string" },
      limit: { type: "string", default: "100" },
      "max-tokens": { type: "string", default: "32" },
      remasking: { type: "string" },
      show: { type: "boolean", default: false },
    },
  })
  registerTower(efficientNetLite)
  const file = values.questions ?? (await prepareEmojiData("runs/structured-quality/emoji")).heldOutVendor
  const task = values.task ?? (values.questions === undefined ? "name" : undefined)
  const questions = await readQuestions(file, task, Number(values.limit))
  const any = [...new Set(questions.map(({ expected }) => expected))]
  const session = await openModel(values.model)
  const tallies = WAYS.map((): Tally => ({ right: [], whole: 0, tokens: 0, forwards: 0, times: [] }))
  for (const question of questions) {
    const strategy = values.remasking as DecodingOptions["strategy"]
    const request = { messages: question.messages, images: [question.image], ...(strategy && { strategy }) }
    // The prompt is computed before anything is measured.
    await generateText(session, { ...request, maxTokens: 1 })
    for (const [i, { format, read }] of WAYS.entries()) {
      const { text, ids, stats } = await generateText(session, {
        ...request,
        maxTokens: Number(values["max-tokens"]),
        ...(format && { format: format(question, any) }),
      })
      if (values.show) console.log(`${question.expected} · ${WAYS[i].name} · ${text}`)
      const said = read(text)
      const tally = tallies[i]
      tally.right.push(said !== undefined && isExact(said, question.expected))
      if (said !== undefined) tally.whole++
      tally.tokens += ids.length
      tally.forwards += stats.forwards
      tally.times.push(stats.milliseconds / stats.forwards)
    }
  }
  report(`${session.name} · ${session.paradigm.noun} · ${questions.length} questions, ${any.length} answers`, tallies)
}

function report(title: string, tallies: readonly Tally[]): void {
  const n = tallies[0].right.length
  const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]
  console.log(title)
  for (const [i, { right, whole, tokens, forwards, times }] of tallies.entries()) {
    const p = right.filter(Boolean).length / n
    const error = Math.sqrt((p * (1 - p)) / n)
    const gained = right.filter((is, q) => is && !tallies[0].right[q]).length
    const lost = right.filter((is, q) => !is && tallies[0].right[q]).length
    console.log(
      [
        WAYS[i].name.padEnd(30),
        `right ${(100 * p).toFixed(1)} ± ${(100 * error).toFixed(1)} %`,
        `gained ${gained}, lost ${lost}`,
        `parsed ${whole} of ${n}`,
        `tokens ${(tokens / n).toFixed(1)}`,
        `forwards ${(forwards / n).toFixed(1)}`,
        `${median(times).toFixed(2)} ms per forward`,
      ].join(" · "),
    )
  }
}

await main()
