/** The numbered examples run as their users run them, and show what they say. */

import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import ts from "typescript"
import { afterAll, describe, expect, it } from "vitest"
import { collect } from "../test/support/program.js"

const root = resolve(import.meta.dirname, "..")
const scripts = readdirSync(import.meta.dirname).filter((name) => /^\d\d-.*\.ts$/.test(name))
const out = mkdtempSync(join(tmpdir(), "dvl-examples-"))
afterAll(() => rmSync(out, { recursive: true }))

/** What an example prints, line by line. */
async function run(name: string, ...args: string[]): Promise<string[]> {
  const example = [join(root, "scripts/source.mjs"), `examples/${name}`]
  const { result } = collect(spawn(process.execPath, [...example, ...args], { cwd: root }))
  const { code, out, err } = await result
  expect(`${code} ${err}`).toBe("0 ")
  return out.trimEnd().split("\n")
}

describe("examples", () => {
  it("are short, numbered without gaps, listed, and import the library by name", () => {
    const readme = readFileSync(join(import.meta.dirname, "README.md"), "utf8")
    expect(scripts.map((name) => Number(name.slice(0, 2)))).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    for (const name of scripts) {
      const source = readFileSync(join(import.meta.dirname, name), "utf8")
      expect(readme).toContain(`[${name}](${name})`)
      expect(source.split("\n")[0]).toContain(`npm run example examples/${name}`)
      expect(source.split("\n").length, name).toBeLessThanOrEqual(60)
      const imported = ts.preProcessFile(source).importedFiles.map(({ fileName }) => fileName)
      expect(imported.length, name).toBeGreaterThan(0)
      expect(imported.filter((file) => !/^(diffusionvl(\/torch)?|node:.*)$/.test(file))).toEqual([])
    }
  })

  it("01: a picture is named", async () => {
    expect(await run("01-generate.ts")).toEqual(["panda", "3 tokens in 3 forward passes, block-diffusion"])
    const autoregressive = await run("01-generate.ts", "examples/pictures/sunflower.png", "Name it.", "emoji-ar-small")
    expect(autoregressive[0]).toBe("sunflower")
    expect(autoregressive[1]).toMatch(/^\d+ tokens in \d+ forward passes, autoregressive$/)
  })

  it("02: each step shows more of the answer than the last", async () => {
    const lines = await run("02-stream-denoising.ts")
    const steps = lines.slice(0, lines.indexOf(""))
    expect(steps.length).toBeGreaterThan(5)
    expect(steps.filter((line) => line.includes("·")).length).toBeGreaterThan(5)
    const [answer, forwards] = lines.slice(-2)
    expect(answer).toContain("panda")
    for (const line of steps) expect(answer).toContain(line.replace(/·.*/, "").trimEnd())
    expect(forwards).toBe(`${steps.length} forward passes`)
  })

  it("03: the right answer is the likeliest", async () => {
    const lines = await run("03-score-answers.ts", "examples/pictures/sunflower.png", "panda", "sunflower", "rocket")
    const scores = lines.map((line) => /^ *(-\d+\.\d\d) {2}(\w+) \(\d tokens\)$/.exec(line)!)
    expect(scores.map(([, , answer]) => answer).sort()).toEqual(["panda", "rocket", "sunflower"])
    expect(scores[0][2]).toBe("sunflower")
    expect(Number(scores[0][1])).toBeGreaterThan(Number(scores[1][1]) + 1)
  })

  it("04: the model learns its conversations, and a finished training is not done again", async () => {
    const output = `output=${join(out, "training")}`
    const lines = await run("04-train-from-a-recipe.ts", output)
    expect(lines.filter((line) => line.startsWith("step")).length).toBe(80)
    expect(lines.at(-1)).toMatch(/model says: .*animals/)
    const again = await run("04-train-from-a-recipe.ts", output)
    expect(again).toEqual([lines.at(-1)])
  })

  it("05: a loop of one's own lowers the loss", async () => {
    const lines = await run("05-write-a-training-loop.ts", "16")
    const losses = lines.map((line) => Number(/^step \d+: loss (\d+\.\d+), gradient norm \d+\.\d\d$/.exec(line)![1]))
    const mean = (values: number[]): number => values.reduce((sum, loss) => sum + loss) / values.length
    expect(losses.length).toBe(16)
    expect(mean(losses.slice(8))).toBeLessThan(mean(losses.slice(0, 4)) / 2)
  })

  it("06: models are written as folders that can be opened", async () => {
    const [converted, saved] = await run("06-convert-and-save.ts", join(out, "converted"))
    expect(converted).toMatch(/^\d+ tensors, block-diffusion, mask token \d+$/)
    expect(saved).toBe("saved model.safetensors")
    for (const name of ["block-diffusion", "bfloat16"])
      for (const file of ["config.json", "tokenizer.json", "model.safetensors"])
        expect(existsSync(join(out, "converted", name, file)), `${name}/${file}`).toBe(true)
  })

  it("07: the line is found", async () => {
    const lines = await run("07-tensors.ts")
    expect(lines.at(-2)).toMatch(/^y = (2\.9|3\.0)\d x \+ -(0\.9|1\.0)\d$/)
    expect(lines.at(-1)).toMatch(/^median of y -?\d\.\d\d, \d+ live tensors$/)
  })

  it("08: an adapter lowers the loss, and is opened with the model that it is for", async () => {
    const folder = join(out, "adapter")
    const lines = await run("08-learn-an-adapter.ts", "16", folder)
    const losses = lines.slice(0, -1).map((line) => Number(/^step \d+: loss (\d+\.\d+)$/.exec(line)![1]))
    const mean = (values: number[]): number => values.reduce((sum, loss) => sum + loss) / values.length
    expect(losses.length).toBe(16)
    expect(mean(losses.slice(8))).toBeLessThan(mean(losses.slice(0, 4)) * 0.8)
    const [, forwards] = await run("01-generate.ts", "examples/pictures/panda.png", "Name it.", folder)
    expect(forwards).toMatch(/^\d+ tokens in \d+ forward passes, block-diffusion$/)
  })
})
