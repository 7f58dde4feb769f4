/** A language model is given a tower on the command line, in a process of its own: stopped, gone on with, asked. */

import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { stringify } from "yaml"
import { composeModel } from "../../src/models/compose/compose.js"
import { saveComposed } from "../../src/models/compose/save-composed.js"
import { type SmallTextModel, writeSmallTextModel } from "../support/small-text-model.js"
import { writeSmallTower } from "../support/small-towers.js"
import { type SmallData, writeSmallVlm } from "../support/small-vlm.js"

const program = resolve(import.meta.dirname, "../../bin/diffusionvl.mjs")
const folder = mkdtempSync(join(tmpdir(), "dvl-stages-cli-"))
let small: SmallData
let text: SmallTextModel
let tower: string
beforeAll(async () => {
  small = await writeSmallVlm(folder)
  text = await writeSmallTextModel(join(folder, "text"))
  tower = await writeSmallTower(join(folder, "siglip"), "siglip")
})
afterAll(() => rmSync(folder, { recursive: true }))

interface Result {
  code: number | null
  out: string
  err: string
}

/** @param watch sees what was written so far */
function run(args: string[], watch?: (child: ChildProcess, err: string) => void): Promise<Result> {
  const child = spawn(process.execPath, [program, ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] })
  const result: Result = { code: null, out: "", err: "" }
  child.stdout.on("data", (text) => (result.out += text))
  child.stderr.on("data", (text) => {
    result.err += text
    watch?.(child, result.err)
  })
  return new Promise((done) => child.on("close", (code) => done({ ...result, code })))
}

function recipe(name: string, keys: object): string {
  const file = join(folder, name)
  const train = { learning_rate: 0.01, micro_batch_size: 2, dtype: "float32", save_every: 2 }
  const stages = [
    { name: "connector", paradigm: "autoregressive", train: { tunable: ["projector"], max_steps: 2 } },
    { name: "everything", train: { max_steps: 2 } },
  ]
  const data = { file: small.data, sampler: "shuffle" }
  writeFileSync(file, stringify({ model: "nowhere", output: "runs/x", data, train, stages, ...keys }))
  return file
}

it("checks data as the model reads them that the recipe puts together, where its parts are here", async () => {
  const check = async (keys: object, ...more: string[]): Promise<string> => {
    const file = recipe("check.yaml", { model: text.folder, ...keys })
    const { code, out, err } = await run(["data", "check", small.data, "--recipe", file, ...more])
    expect(code, err).toBe(0)
    return out
  }
  for (const vision of [{ tower }, { tower, anyres: 2 }]) {
    const whole = join(folder, `whole-${Object.keys(vision).length}`)
    await saveComposed(whole, composeModel({ ...vision, language: text.folder }))
    const found = await check({ vision }, "--json")
    expect(JSON.parse(found).tokens.total).toBeGreaterThan(100)
    expect(found).toBe(await check({ vision }, "--json", "--model", whole))
  }
  const unknown = await check({ vision: { tower: "nobody/tower" } })
  expect(unknown).toMatch(/lengths are unknown: the recipe's model is not on this machine/)
  expect(unknown).not.toMatch(/tokens, the longest/)
  expect(readdirSync(folder)).not.toContain("runs")
})

it("translates a language model with a tower: stopped in the first stage, it goes on, reports and answers", {
  timeout: 300_000,
}, async () => {
  const file = recipe("two.yaml", { block_diffusion: { block_size: 4 } })
  const output = join(folder, "sees")
  const command = [
    "translate",
    text.folder,
    ...["--tower", tower],
    ...["--connector", "mlp2x_gelu"],
    ...["--recipe", file],
    ...["--out", output],
  ]
  const stopped = await run([...command, "--set", "stages.0.train.max_steps=1000000"], (child, err) => {
    if (/checkpoint /.test(err)) child.kill("SIGINT")
  })
  expect(stopped.code).toBe(130)
  expect(stopped.err).toMatch(/stage 1 of 2 · connector/)
  expect(existsSync(join(output, "stage-2"))).toBe(false)
  expect(existsSync(join(output, "report.html"))).toBe(false)

  const done = await run(command)
  expect(done).toMatchObject({ code: 0 })
  expect(done.err).toMatch(/going on at step \d+/)
  expect(done.err).toMatch(/stage 2 of 2 · everything/)
  expect(readdirSync(output).sort()).toEqual(["report.html", "stage-1", "stage-2"])
  expect(readFileSync(join(output, "report.html"), "utf8")).toContain("stage 2, everything")

  const image = join(folder, "pictures", "red.png")
  for (const stage of ["stage-1", "stage-2"]) {
    const model = join(output, stage, "model")
    const asked = await run(["generate", "--model", model, "--image", image, "--max-tokens", "4", "--json", "What?"])
    expect(asked).toMatchObject({ code: 0 })
    expect(JSON.parse(asked.out).stats.promptTokens).toBeGreaterThan(16)
  }
  const whole = join(folder, "whole")
  const converted = ["convert", join(output, "stage-1", "model"), "--paradigm", "autoregressive", "--out", whole]
  expect(await run(converted)).toMatchObject({ code: 0 })
  expect(JSON.parse(readFileSync(join(whole, "config.json"), "utf8"))).toMatchObject({ model_type: "llava" })
})

it("takes the parts from the recipe, and trains autoregressively where it says so", async () => {
  const keys = { model: text.folder, vision: { tower }, paradigm: "autoregressive" }
  const file = recipe("alone.yaml", keys)
  const output = join(folder, "llava")
  expect(await run(["translate", "--recipe", file, "--out", output])).toMatchObject({ code: 0 })
  expect(existsSync(join(output, "stage-2", "model", "model.safetensors"))).toBe(true)
})

it("ends with an adapter, and says how to try it", async () => {
  const last = { name: "adapter", lora: { rank: 2, target: "all-linear" }, train: { max_steps: 2 } }
  const first = { name: "connector", paradigm: "autoregressive", train: { tunable: ["projector"], max_steps: 2 } }
  const file = recipe("adapter.yaml", { model: text.folder, vision: { tower }, stages: [first, last] })
  const output = join(folder, "adapter")
  const done = await run(["translate", "--recipe", file, "--out", output])
  expect(done).toMatchObject({ code: 0 })
  expect(done.out).toContain(`generate --model ${join(output, "stage-2", "model")} --image FILE`)
  expect(readFileSync(join(output, "report.html"), "utf8")).toContain("stage 2, adapter")
})

it("says in a sentence what is wrong, and writes nothing", async () => {
  const file = recipe("bad.yaml", {})
  const output = join(folder, "bad")
  const cases: [string[], RegExp][] = [
    [[text.folder, "--tower", small.model], /it is a whole model .*, no vision tower/],
    [[small.model, "--tower", tower], /which sees already/],
    [[text.folder, "--tower", tower, "--connector", "pixel_shuffle3"], /tower and connector do not fit together/],
    [[text.folder, "--tower", join(folder, "nowhere")], /^error: \S+nowhere: there is no such vision tower/],
    [[text.folder, "--connector", "linear"], /^error: --connector: a connector leads from a tower/],
    [[text.folder, "--tower", tower, "--connector", "mlp"], /--connector: the connector is "mlp"/],
    [[join(folder, "sees"), "--tower", tower], /it is no model, but .* in stages.*\n {2}give \S+stage-2\/model$/m],
    [
      [text.folder, "--tower", tower, "--set", "stages.1.trian.seed=1"],
      /stages\.1\.trian: there is no such key: did you mean train\?/,
    ],
  ]
  for (const [args, sentence] of cases) {
    const { code, err } = await run(["translate", ...args, "--recipe", file, "--out", output])
    expect([code, err], args.join(" ")).toEqual([1, expect.stringMatching(sentence)])
    expect(err).not.toMatch(/internal|\n\s+at /)
    expect(existsSync(output)).toBe(false)
  }
})
