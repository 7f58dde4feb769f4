/**
 * Questions per second of an evaluation, beside the loop of the authors' wrapper restated on the same engine: one question at a time,
 * nothing known from the one before, their decoding. In turns, so that a machine whose load changes slows both down.
 *
 * node scripts/source.mjs bench/eval.ts [--model NAME] [--pictures N] [--questions N]
 *   [--rounds N] [--concurrent N] [--device NAME] [--json]
 */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { usableConcepts } from "../examples/emoji/data/concepts.js"
import { chooseQuestion, DESCRIBE_QUESTIONS, NAME_QUESTIONS } from "../examples/emoji/data/questions.js"
import { renderDrawing } from "../examples/emoji/data/render.js"
import { loadDrawings, loadEmojis } from "../examples/emoji/data/sources.js"
import { AnswerFile } from "../src/eval/answer-file.js"
import { LocalAnswerer } from "../src/eval/answerer/local.js"
import type { Documents } from "../src/eval/documents/documents.js"
import { generationOf, type TaskGeneration } from "../src/eval/run/generation.js"
import type { KeptAnswer } from "../src/eval/run/kept-answer.js"
import { TaskRun } from "../src/eval/run/task-run.js"
import type { Doc, Task } from "../src/eval/task/task.js"
import { openModel, type Session } from "../src/generate/session.js"
import { spreadOf } from "../src/report/spread.js"
import type { Device } from "../src/torch/index.js"

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "emoji-diffusion" },
    pictures: { type: "string", default: "12" },
    // About each picture; at most 8.
    questions: { type: "string", default: "8" },
    rounds: { type: "string", default: "5" },
    concurrent: { type: "string", default: "8" },
    device: { type: "string", default: "auto" },
    json: { type: "boolean", default: false },
  },
})

const GOAL = 5
const task: Task = {
  ...{ name: "bench", title: "bench", version: 1, columns: [], generation: {}, metrics: [] },
  ask: ({ question, picture }) => ({
    context: String(question),
    pictures: [{ bytes: picture as Uint8Array, name: "picture" }],
  }),
  target: () => "",
  count: () => ({ values: {} }),
}

/** Several questions about each drawing, as the built-in models know them: its name, the right one of four, a description. */
async function documents(pictures: number, questions: number): Promise<Documents> {
  const concepts = usableConcepts(loadEmojis())
  const drawings = loadDrawings("openmoji")
  const rows: Doc[] = []
  for (let i = 0; rows.length < pictures * questions; i++) {
    const [emoji, ...others] = [0, 100, 200, 300].map((step) => concepts[(31 * i + step) % concepts.length])
    const svg = drawings.svg(emoji.code)
    const drawn = svg && (await renderDrawing(svg, 84))
    if (!drawn) continue
    const picture = new Uint8Array(drawn)
    const names = [emoji, ...others].map(({ name }) => name)
    const choices = names.map((_, turn) => chooseQuestion([...names.slice(turn), ...names.slice(0, turn)]))
    const all = [NAME_QUESTIONS[0], ...choices, ...NAME_QUESTIONS.slice(1), DESCRIBE_QUESTIONS[0]]
    rows.push(...all.slice(0, questions).map((question) => ({ question, picture })))
  }
  return {
    count: rows.length,
    columns: ["question", "picture"],
    fingerprint: "bench",
    async *rows({ to = rows.length } = {}) {
      for (const [index, doc] of rows.slice(0, to).entries()) yield { index, doc }
    },
    read: async (index) => rows[index],
    where: (index) => `row ${index}`,
    close() {},
  }
}

const folder = mkdtempSync(join(tmpdir(), "bench-eval-"))
let files = 0

/** All documents as `diffusionvl eval` asks them, from reading them to the last kept answer. */
async function evaluated(session: Session, data: Documents, generation: TaskGeneration): Promise<number> {
  session.executor.clear()
  const file = new AnswerFile<KeptAnswer>({ folder, key: "answers", dependsOn: files++, about: {} })
  const rules = { separator: "<|im_end|>", stops: [], uncut: false }
  const started = performance.now()
  const run = new TaskRun(task, data, file, { first: data.count, generation, rules })
  await run.survey()
  const answerer = new LocalAnswerer(session, { record: { name: session.name, fingerprint: "" } })
  await run.answer(answerer, { concurrent: Number(values.concurrent) })
  return (performance.now() - started) / 1000
}

/** One document after the other, everything computed for it alone. */
async function oneByOne(
  session: Session,
  data: Documents,
  { decoding }: TaskGeneration,
  compat: boolean,
): Promise<number> {
  const started = performance.now()
  for await (const { doc } of data.rows()) {
    session.executor.clear()
    const answerer = new LocalAnswerer(session, { record: { name: session.name, fingerprint: "" }, compat })
    await answerer.answer(task.ask(doc), { decoding })
  }
  return (performance.now() - started) / 1000
}

const session = await openModel(values.model, { device: values.device as Device | "auto" })
const data = await documents(Number(values.pictures), Number(values.questions))
const [own, authors] = [false, true].map((compat) => generationOf(task, { compat, paradigm: session.paradigm }))
/** Of this process: what other programs take of the machine is not in it. */
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
async function measured(work: () => Promise<number>): Promise<{ seconds: number; cpu: number }> {
  const before = cpuSeconds()
  const seconds = await work()
  return { seconds, cpu: cpuSeconds() - before }
}

type Side = "ours" | "same" | "authors"
const rounds: Record<Side, { seconds: number; cpu: number }>[] = []
// One that does not count: the first forwards of a model set everything up.
for (let round = 0; round <= Number(values.rounds); round++) {
  const took = {
    ours: await measured(() => evaluated(session, data, own)),
    same: await measured(() => oneByOne(session, data, own, false)),
    authors: await measured(() => oneByOne(session, data, authors, true)),
  }
  if (round > 0) rounds.push(took)
}
rmSync(folder, { recursive: true })
const perSecond = (side: Side): number => spreadOf(rounds.map((round) => data.count / round[side].seconds)).median
const ratioTo = (side: Side, key: "seconds" | "cpu") =>
  spreadOf(rounds.map((round) => round[side][key] / round.ours[key]))
const found = {
  model: session.name,
  documents: data.count,
  pictures: Number(values.pictures),
  concurrent: Number(values.concurrent),
  questionsPerSecond: { ours: perSecond("ours"), same: perSecond("same"), authors: perSecond("authors") },
  ratio: { same: ratioTo("same", "seconds"), authors: ratioTo("authors", "seconds") },
  ratioOfProcessorTime: { same: ratioTo("same", "cpu"), authors: ratioTo("authors", "cpu") },
  goal: GOAL,
}
if (values.json) process.stdout.write(`${JSON.stringify(found)}\n`)
else {
  const { questionsPerSecond, ratio, ratioOfProcessorTime } = found
  const times = ({ median, low, high }: ReturnType<typeof spreadOf>): string =>
    `${median.toFixed(1)} × (${low.toFixed(1)}–${high.toFixed(1)})`
  const line = (side: "same" | "authors", name: string): string =>
    `one by one, ${name} decoding  ${questionsPerSecond[side].toFixed(1)} questions/s: ${times(ratio[side])}, ${times(ratioOfProcessorTime[side])} of processor time\n`
  process.stdout.write(
    `${session.name} · ${session.dtype} · ${session.device} · ${data.count} questions about ${found.pictures} pictures, ${found.concurrent} at a time\n` +
      `diffusionvl eval                   ${questionsPerSecond.ours.toFixed(1)} questions/s; goal ${GOAL} ×\n` +
      line("same", "the same") +
      line("authors", "authors'"),
  )
}
