/** The commands as people run them, in processes of their own: check the data, convert, translate, ask. */

import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { stringify } from "yaml"
import { type SmallData, smallTraining, writeSmallVlm } from "../support/small-vlm.js"

const program = resolve(import.meta.dirname, "../../bin/diffusionvl.mjs")
const folder = mkdtempSync(join(tmpdir(), "dvl-commands-"))
let small: SmallData
beforeAll(async () => {
  small = await writeSmallVlm(folder)
})
afterAll(() => rmSync(folder, { recursive: true }))

interface Result {
  code: number | null
  out: string
  err: string
}

function start(args: string[], input = ""): { child: ChildProcess; result: Promise<Result> } {
  const child = spawn(process.execPath, [program, ...args], { cwd: folder })
  const result: Result = { code: null, out: "", err: "" }
  child.stdout.on("data", (text) => (result.out += text))
  child.stderr.on("data", (text) => (result.err += text))
  child.stdin.on("error", () => {})
  child.stdin.end(input)
  return { child, result: new Promise((done) => child.on("close", (code) => done({ ...result, code }))) }
}
const run = (...args: string[]): Promise<Result> => start(args).result

function writeRecipe(name: string, output: string, overrides: Parameters<typeof smallTraining>[2]): string {
  const file = join(folder, name)
  writeFileSync(file, stringify(smallTraining(small, output, overrides)))
  return file
}

it("checks data: good records are counted, bad ones named", async () => {
  expect(await run("data", "check", small.data, "--decode")).toMatchObject({
    code: 0,
    out: expect.stringContaining("all good"),
  })
  const bad = join(folder, "bad.json")
  writeFileSync(bad, JSON.stringify([{ image: "nowhere.png", conversations: [{ from: "human", value: "<image>" }] }]))
  const result = await run("data", "check", bad)
  expect(result.code).toBe(1)
  expect(result.out).toContain(`${bad}, record 0`)
})

it("converts a model, which then answers", async () => {
  const out = join(folder, "converted")
  const options = ["--block-size", "4", "--context", "causal"]
  expect(await run("convert", small.model, "--out", out, ...options)).toMatchObject({ code: 0 })
  expect(JSON.parse(readFileSync(join(out, "config.json"), "utf8"))).toMatchObject({
    model_type: "diffusionvl_qwenvl",
    bd3lm_block_size: 4,
    bd3lm_context: "causal",
  })
  const image = join(folder, "pictures", "red.png")
  const asked = await run(
    "generate",
    "--model",
    out,
    "--image",
    image,
    "--max-tokens",
    "8",
    "--json",
    "What colour is this?",
  )
  expect(asked).toMatchObject({ code: 0 })
  const answer = JSON.parse(asked.out)
  expect(answer.stats.forwards).toBeGreaterThan(0)
  // The same again, as a stream into a pipe.
  const streamed = await run("generate", "--model", out, "--image", image, "--max-tokens", "8", "What colour is this?")
  expect(streamed.out.trim()).toBe(answer.text.trim())
  expect(streamed.err).toMatch(/tokens\/s/)
  expect(await run("convert", small.model, "--out", out)).toMatchObject({
    code: 1,
    err: expect.stringContaining("not empty"),
  })
  // What it was converted to is not what it is trained to.
  const again = join(folder, "again")
  const recipe = writeRecipe("again.yaml", again, { model: out })
  expect(await run("train", recipe, "--set", "train.max_steps=1")).toMatchObject({ code: 0 })
  const trained = JSON.parse(readFileSync(join(again, "model", "config.json"), "utf8"))
  expect(trained).toMatchObject({ bd3lm_block_size: 8 })
  expect(trained).not.toHaveProperty("bd3lm_context")
})

it("translates a model, writes a report, and the result holds a conversation", async () => {
  const output = join(folder, "translated")
  const recipe = writeRecipe("translate.yaml", output, { block_diffusion: { block_size: 4, shift: "next" } })
  const done = await run("translate", small.model, "--recipe", recipe, "--set", "train.max_steps=4")
  expect(done).toMatchObject({ code: 0 })
  expect(readFileSync(join(output, "report.html"), "utf8")).toContain("<svg")
  const model = join(output, "model")
  const lines = [
    `/image ${join(folder, "nothing.png")}`,
    `/image ${join(folder, "pictures", "red.png")}`,
    "What colour is this?",
    "And now?",
    "/reset",
    "Say hello. <|im_end|>",
  ]
  const { code, err } = await start(["chat", "--model", model, "--max-tokens", "8"], `${lines.join("\n")}\n`).result
  expect(code).toBe(0)
  expect(err).toContain("there is no file")
  expect(err.match(/tokens\/s/g)).toHaveLength(3)
})

it("says in a sentence what is wrong", async () => {
  const text = join(folder, "text.png")
  writeFileSync(text, "this is no picture")
  const cases: [string[], RegExp][] = [
    [["generate", "--model", join(folder, "nowhere"), "hello"], /nowhere/],
    [["generate", "--model", small.model, "--image", text, "hello"], /text\.png/],
    [["generate", "--model", small.model, "--threshold", "0.9", "hello"], /autoregressive model: it has no threshold/],
    [["generate", "--model", small.model, "--device", "gpu", "hello"], /no device "gpu"/],
    [["generate", "--model", small.model, "--dtype", "fp16", "hello"], /no type to compute in/],
    [["convert", small.model, "--out", join(folder, "bad"), "--context", "full"], /no context "full"/],
    [["train", join(folder, "no-recipe.yaml")], /the recipe cannot be read: there is no such file/],
    [["train", writeRecipe("typo.yaml", folder, {}), "--set", "train.learnign_rate=1"], /learnign_rate/],
    [
      ["translate", "--recipe", writeRecipe("ar.yaml", folder, { paradigm: "autoregressive" })],
      /translating means diffusion/,
    ],
  ]
  for (const [args, sentence] of cases) {
    const { code, err } = await run(...args)
    expect([code, err], args.join(" ")).toEqual([1, expect.stringMatching(sentence)])
    expect(err).not.toMatch(/internal|\n\s+at /)
  }
})
