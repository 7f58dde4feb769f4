/** The whole run on a tiny random model: stopped and gone on, to a report; and what ships is consistent. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { readRecipe } from "../../src/train/recipe/config.js"
import { writeLettersModel } from "../../test/support/letters-model.js"
import type { Observer } from "../shared/run.js"
import { Answerer } from "./answerer.js"
import { ownAnswers } from "./own-answers.js"
import { measurements } from "./plan.js"
import { run } from "./run.js"
import { type Settings, settingsSchema } from "./settings.js"
import { stagesOf } from "./stages.js"

const root = mkdtempSync(join(tmpdir(), "smollm2-run-"))
const [model, data] = [join(root, "model"), join(root, "data")]
beforeAll(async () => {
  await writeLettersModel(model)
  const sets: Record<string, object[]> = {
    "PIQA/validation.jsonl": Array.from({ length: 8 }, (_, i) => ({
      question: `goal ${i}`,
      options: `A. this ${i}\nB. that ${i}`,
      answer: `B. that ${i}`,
    })),
    "ASDiv/test.jsonl": Array.from({ length: 8 }, (_, i) => ({
      passage: `${i} and 1`,
      question: "Sum?",
      answer: `${i + 1}`,
    })),
    "NQ-open/combined.jsonl": Array.from({ length: 24 }, (_, i) => ({ question: `who is ${i}` })),
  }
  for (const [file, records] of Object.entries(sets)) {
    mkdirSync(join(data, file, ".."), { recursive: true })
    writeFileSync(join(data, file), records.map((record) => JSON.stringify(record)).join("\n"))
  }
})
afterAll(() => rmSync(root, { recursive: true }))

const settings: Settings = settingsSchema.parse({
  packages: { model: "none", data: "none" },
  system: "s",
  dtype: "float32",
  minutes: 5,
  steps: 3,
  reference: { PIQA: { train: 6, held_out: 2 }, ASDiv: { train: 6, held_out: 2 } },
  own: { "NQ-open": { train: 16, held_out: 8 } },
  own_tokens: 64,
  evaluation: {
    minutes: 0,
    block_sizes: [1, 4],
    thresholds: [0.5],
    steps: [2],
    sweep_questions: 1,
    answer_tokens: 8,
  },
})
const SMALLER = ["train.micro_batch_size=2", "train.save_every=1"]
const folder = join(root, "out")
const options = { folder, command: "again", given: { model, data }, train: SMALLER }

function observer(seen: string[], onPart: (part: string) => void = () => {}): Observer {
  return {
    progress: (part) => {
      seen.push(part)
      onPart(part)
    },
    note: (line) => seen.push(line),
  }
}

it("is stopped in a training and in the evaluation, goes on, and ends with a report", async () => {
  const start = (seen: string[], signal?: AbortSignal, onPart?: (part: string) => void) =>
    run({ ...options, settings, signal, observer: observer(seen, onPart) })
  const stopAt = async (part: string): Promise<string[]> => {
    const controller = new AbortController()
    const seen: string[] = []
    const stopped = start(seen, controller.signal, (now) => now === part && controller.abort(new Error("stopped")))
    await expect(stopped.catch(() => undefined)).resolves.toBeUndefined()
    return seen
  }
  expect(await stopAt("translation to block diffusion")).toContain("measuring how fast this machine is")
  expect(existsSync(join(folder, "translated", "model"))).toBe(false)
  const second = await stopAt("evaluation")
  expect(second).not.toContain("measuring how fast this machine is")
  expect(existsSync(join(folder, "control", "model"))).toBe(true)

  const seen: string[] = []
  const reports = await start(seen)
  expect(seen).not.toContain("translation to block diffusion")
  const markdown = readFileSync(reports!.markdown, "utf8")
  for (const title of ["Held-out questions", "Block sizes", "Thresholds", "Steps per block", "Samples", "Data", "Run"])
    expect(markdown).toContain(`## ${title}`)
  expect(readFileSync(reports!.html, "utf8")).toContain("<h2>Forwards against quality</h2>")
  const times = JSON.parse(readFileSync(join(folder, "times.json"), "utf8"))
  expect(Object.keys(times)).toEqual(["own answers", "measuring", "translated", "control", "evaluation"])

  // Block size 1 with the shift of the translation decodes as the autoregressive model that it is.
  const files = measurements(settings, 8).length
  expect(files).toBe(3 + 2 + 1 + 1)
  const { mtimeMs } = statSync(join(folder, "translated", "model", "config.json"))
  await start([])
  expect(statSync(join(folder, "translated", "model", "config.json")).mtimeMs).toBe(mtimeMs)
  const other = run({ ...options, settings: { ...settings, seed: 2 }, observer: observer([]) })
  await expect(other).rejects.toThrow(/started with other settings: seed was 1, not 2$/)
})

it("trains with the same samples in the same order, and what it is measured by is not among them", () => {
  const trained = readFileSync(join(folder, "train.jsonl"), "utf8").trim().split("\n")
  const heldOut = JSON.parse(readFileSync(join(folder, "held-out.json"), "utf8")) as { question: string }[]
  expect(trained.length).toBeGreaterThan(12)
  expect(heldOut.length).toBeGreaterThan(4)
  for (const { question } of heldOut)
    expect(trained.some((record) => record.includes(JSON.stringify(question)))).toBe(false)

  const [translated, control] = stagesOf({ settings, folder, train: [] }, 9)
  expect(control.config.data).toEqual(translated.config.data)
  expect(control.config.train).toEqual(translated.config.train)
  expect([translated, control].map(({ config }) => config.paradigm)).toEqual(["block-diffusion", "autoregressive"])
})

it("does not ask again what was answered, but for a line cut short", async () => {
  const own = mkdtempSync(join(root, "own-"))
  const questions = ["a", "b", "c"].map((question) => ({
    set: "NQ-open",
    kind: "own" as const,
    group: question,
    question,
    answer: "",
  }))
  const answerer = new Answerer(model, settings)
  const asked: number[] = []
  const ask = (dependsOn = "model") =>
    ownAnswers(questions, {
      ...{ folder: own, dependsOn, maxTokens: 6, open: () => answerer },
      onAnswer: (done) => asked.push(done),
    })
  const all = await ask()
  const [file] = readdirSync(own).map((name) => join(own, name))
  const whole = readFileSync(file, "utf8")
  writeFileSync(file, whole.slice(0, whole.indexOf("\n", whole.indexOf("\n") + 1) + 9))
  expect(await ask()).toEqual(all)
  // In the order in which they are done: what is known of the prompts decides who is first.
  const lines = (text: string): string[] => text.split("\n").sort()
  expect(lines(readFileSync(file, "utf8"))).toEqual(lines(whole))
  expect(await ask()).toEqual(all)
  expect(asked).toEqual([1, 2, 3, 2, 3])
  await ask("another model")
  expect(asked.slice(5)).toEqual([1, 2, 3])
})

it("ships settings that fit its schema", () => {
  const shipped = readRecipe(settingsSchema, join(import.meta.dirname, "recipe.yaml"))
  expect(shipped.evaluation.block_sizes).toEqual([1, 4, 8, 16])
  expect(() =>
    readRecipe(settingsSchema, join(import.meta.dirname, "recipe.yaml"), ["own={Nobody: {train: 1, held_out: 1}}"]),
  ).toThrow(/the sets are NQ-open/)
})
