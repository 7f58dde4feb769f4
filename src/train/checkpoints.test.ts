/** Checkpoints that were damaged, moved or meant for another training, by going on from them. */

import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { lossesOf, run, weightsOf } from "../../test/support/run-training.js"
import { type SmallData, smallTraining, writeSmallVlm } from "../../test/support/small-vlm.js"
import { MANIFEST_FILE, writeManifest } from "../checkpoint/manifest.js"
import { UserError } from "../errors.js"
import type { TrainingConfig } from "./recipe/config.js"
import { legacyFingerprint } from "./run/identity.js"
import { lastCheckpoint } from "./run/state.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-checkpoints-"))
let small: SmallData
/** A training stopped after step 5, with checkpoints 3, 4 and 5; the same undisturbed. */
let stopped: TrainingConfig
let whole: TrainingConfig
let copies = 0

beforeAll(async () => {
  small = await writeSmallVlm(folder)
  stopped = smallTraining(small, join(folder, "stopped"), { train: { save_every: 1, keep: 2 } })
  await run(stopped, 5)
  whole = smallTraining(small, join(folder, "whole"))
  await run(whole)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The stopped training in a folder of its own. */
function copy(): TrainingConfig {
  const output = join(folder, `copy-${copies++}`)
  cpSync(stopped.output, output, { recursive: true })
  return { ...stopped, output }
}

const refusal = async (config: TrainingConfig): Promise<UserError> => {
  const outcome = await run(config).catch((error) => error)
  expect(outcome).toBeInstanceOf(UserError)
  return outcome as UserError
}

function flipBit(file: string, part: number): void {
  const bytes = readFileSync(file)
  bytes[Math.floor(part * (bytes.length - 1))] ^= 1 << Math.floor(part * 7)
  writeFileSync(file, bytes)
}

const DAMAGES: [string, (file: string) => void][] = [
  ["cut short", (file) => truncateSync(file, readFileSync(file).length >> 1)],
  ["a byte longer", (file) => appendFileSync(file, "\n")],
  ["emptied", (file) => truncateSync(file, 0)],
  ["missing", (file) => rmSync(file)],
  [
    "a folder",
    (file) => {
      rmSync(file)
      mkdirSync(file)
    },
  ],
  ...[0, 0.5, 1].map((part): [string, (file: string) => void] => [
    `with a bit flipped at ${part}`,
    (file) => flipBit(file, part),
  ]),
]

describe("a damaged last checkpoint", () => {
  it("is named by the file, whichever it is, and deleting it goes on from the one before", async () => {
    const config = copy()
    const last = join(config.output, "checkpoint-5")
    const good = join(folder, "good")
    renameSync(last, good)
    const names = readdirSync(good)
    expect(names).toEqual(expect.arrayContaining(["config.json", "model.safetensors", "optimizer.safetensors"]))
    expect(names).toEqual(expect.arrayContaining(["manifest.json", "trainer_state.json", "tokenizer.json"]))
    for (const name of names) {
      for (const [what, damage] of DAMAGES) {
        cpSync(good, last, { recursive: true })
        damage(join(last, name))
        const { where, message, fix } = await lastCheckpoint(config.output).catch((error) => error)
        expect(where, `${name} ${what}`).toBe(join(last, name))
        expect(message, `${name} ${what}`).toMatch(/^the checkpoint is damaged: (its? |there is a folder)/)
        expect(fix).toBe(
          `restore it, or delete ${last}: the same command then goes on from ${join(config.output, "checkpoint-4")}`,
        )
        rmSync(last, { recursive: true })
      }
    }
    cpSync(good, last, { recursive: true })
    flipBit(join(last, "model.safetensors"), 0.6)
    expect((await refusal(config)).where).toBe(join(last, "model.safetensors"))
    rmSync(last, { recursive: true })
    expect((await run(config))[0]).toMatchObject({ type: "start", step: 4 })
    expect(weightsOf(config)).toEqual(weightsOf(whole))
    expect(lossesOf(config)).toEqual(lossesOf(whole))
  })

  it.each([
    ["another step", { step: 4 }, /says step 4, its folder step 5/],
    ["a step that is a word", { step: "five" }, /step: .*expected number/],
    ["a step below 0", { step: -5 }, /step: /],
    ["no time", { seconds: null }, /seconds: /],
    ["no settings", { identity: undefined }, /so it is no state of a training/],
    [
      "settings of the wrong kind",
      { identity: { settings: [], model: 1, data: {} } },
      /so it is no state of a training/,
    ],
  ])("is refused when its state has %s", async (_, change, sentence) => {
    const config = copy()
    const last = join(config.output, "checkpoint-5")
    const file = join(last, "trainer_state.json")
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...change }))
    // As if it had been written so.
    await writeManifest(last, new Map())
    const { where, message } = await refusal(config)
    expect([where, message]).toEqual([file, expect.stringMatching(sentence)])
  })

  it("names all that must be deleted when several are damaged", async () => {
    const config = copy()
    const at = (step: number): string => join(config.output, `checkpoint-${step}`)
    truncateSync(join(at(5), "model.safetensors"), 100)
    flipBit(join(at(4), "optimizer.safetensors"), 0.4)
    expect((await refusal(config)).fix).toMatch(
      `delete ${at(5)} and ${at(4)}: the same command then goes on from ${at(3)}`,
    )
    rmSync(join(at(3), "config.json"))
    expect((await refusal(config)).fix).toMatch(`${at(5)} and ${at(4)} and ${at(3)}: the same command then starts from`)
  })

  it("may be a renamed one: its step is not that of its name", async () => {
    const config = copy()
    renameSync(join(config.output, "checkpoint-5"), join(config.output, "checkpoint-50"))
    expect((await refusal(config)).message).toMatch(/says step 5, its folder step 50/)
  })
})

describe("a folder that only has the name of a checkpoint", () => {
  it.each([
    ["empty", () => {}],
    [
      "with weights alone",
      (path: string) => cpSync(join(small.model, "model.safetensors"), join(path, "model.safetensors")),
    ],
  ])("does not count as saved: %s", async (_, fill) => {
    const config = copy()
    const path = join(config.output, "checkpoint-6")
    mkdirSync(path)
    fill(path)
    expect((await run(config))[0]).toMatchObject({ step: 5 })
    expect(existsSync(join(path, MANIFEST_FILE))).toBe(true)
    expect((await run({ ...config, train: { ...config.train, max_steps: 7 } }))[0]).toMatchObject({ step: 6 })
  })
})

describe("going on", () => {
  it("works wherever model, data, pictures and output lie now", async () => {
    const before = join(folder, "before")
    const after = join(folder, "somewhere", "else")
    mkdirSync(before)
    const placed = await writeSmallVlm(before)
    await run(smallTraining(placed, join(before, "run")), 3)
    mkdirSync(join(after, ".."))
    renameSync(before, after)
    renameSync(join(after, "data.json"), join(after, "records.json"))
    utimesSync(join(after, "records.json"), 1, 1)
    const moved = { model: join(after, "model"), data: join(after, "records.json"), recordCount: 0 }
    const config = smallTraining(moved, join(after, "run"), { data: { image_root: after } })
    expect((await run(config))[0]).toMatchObject({ step: 3 })
    expect(weightsOf(config)).toEqual(weightsOf(whole))
  })

  it("needs the same settings: those that differ are named with both values", async () => {
    const config = copy()
    const { train, block_diffusion } = config
    const { message, fix } = await refusal({
      ...config,
      block_diffusion: { ...block_diffusion, block_size: 4 },
      train: { ...train, learning_rate: 0.5, betas: [0.9, 0.95], vision_learning_rate: undefined },
    })
    expect(message).toBe(
      "this training was started with other settings: block_diffusion.block_size was 8 and is 4; train.learning_rate was 0.01 and is 0.5; train.vision_learning_rate was 0.002 and is not set; train.betas was [0.9,0.999] and is [0.9,0.95]",
    )
    expect(fix).toMatch(/another output folder/)
    const longer = { ...config, train: { ...train, max_steps: 7, save_every: 2, keep: 0, log_every: 2 } }
    expect((await run(longer)).at(-1)).toMatchObject({ type: "done" })
  })

  it("takes a setting that the checkpoint's version did not know as its default", async () => {
    const config = copy()
    const last = join(config.output, "checkpoint-5")
    const file = join(last, "trainer_state.json")
    const state = JSON.parse(readFileSync(file, "utf8"))
    delete state.identity.settings["block_diffusion.copies"]
    writeFileSync(file, JSON.stringify(state))
    await writeManifest(last, new Map())
    const two = { ...config, block_diffusion: { ...config.block_diffusion, copies: 2 } }
    expect((await refusal(two)).message).toMatch(/block_diffusion\.copies was 1 and is 2/)
    expect((await run(config))[0]).toMatchObject({ step: 5 })
  })

  it("needs the same data, also when size and time of the file are the same", async () => {
    const config = copy()
    const text = readFileSync(small.data, "utf8")
    const other = join(folder, "other.json")
    writeFileSync(other, text.replace("white", "wheat"))
    const { message } = await refusal({ ...config, data: { ...config.data, file: other } })
    expect(message).toBe(
      `this training was started with other data: data.file had other content (data.json, ${text.length} bytes) than now (other.json, ${text.length} bytes)`,
    )
  })

  it("needs the same model", async () => {
    const config = copy()
    const model = join(folder, "other-model")
    cpSync(small.model, model, { recursive: true })
    expect((await run({ ...config, model }, 1))[0], "a copy is the same").toMatchObject({ step: 5 })
    flipBit(join(model, "model.safetensors"), 1)
    expect((await refusal({ ...config, model })).message).toMatch(/another model: the weights of .*other-model differ/)
    cpSync(join(small.model, "model.safetensors"), join(model, "model.safetensors"))
    appendFileSync(join(model, "tokenizer.json"), "\n")
    expect((await refusal({ ...config, model })).message).toMatch(
      /the tokenizer, chat template or image settings of .* differ/,
    )
  })

  it("reads checkpoints of version 0.1: a hash of the settings and no manifest", async () => {
    const config = copy()
    const last = join(config.output, "checkpoint-5")
    const file = join(last, "trainer_state.json")
    const { identity, ...progress } = JSON.parse(readFileSync(file, "utf8"))
    writeFileSync(file, JSON.stringify({ ...progress, fingerprint: legacyFingerprint(config), model: config.model }))
    rmSync(join(last, MANIFEST_FILE))
    const changed = { ...config, train: { ...config.train, seed: 7 } }
    expect((await refusal(changed)).message).toMatch(/wrote only a hash/)
    const state = readFileSync(file)
    for (const nonsense of ["", "{", "[]", "null", "5", "\xff", '{"step": 5}', state.toString().replace("5", "6")]) {
      writeFileSync(file, nonsense, "latin1")
      const damage = await lastCheckpoint(config.output).catch((error) => error)
      expect([damage.where, damage.message], nonsense).toEqual([
        file,
        expect.stringMatching(/^the checkpoint is damaged/),
      ])
    }
    writeFileSync(file, state)
    const weights = readFileSync(join(last, "model.safetensors"))
    truncateSync(join(last, "model.safetensors"), weights.length - 1)
    expect((await refusal(config)).where).toBe(join(last, "model.safetensors"))
    writeFileSync(join(last, "model.safetensors"), weights)
    expect((await run(config))[0]).toMatchObject({ step: 5 })
    expect(weightsOf(config)).toEqual(weightsOf(whole))
  })
})
