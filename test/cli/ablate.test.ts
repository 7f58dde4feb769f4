/** `diffusionvl ablate` as people run it: each command to its report, and what cannot be is said before anything is written. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { stringify } from "yaml"
import { convert } from "../../src/paradigms/convert.js"
import { writeLettersModel } from "../support/letters-model.js"
import { type Result, start } from "../support/program.js"

const root = mkdtempSync(join(tmpdir(), "ablate-command-"))
const run = (...args: string[]): Promise<Result> => start(root, ["ablate", ...args]).result
const write = (name: string, value: object): void => writeFileSync(join(root, name), JSON.stringify(value))
const report = (out: string) => JSON.parse(readFileSync(join(root, out, "report.json"), "utf8"))

const turns = (question: string, answer: string) => ({
  conversations: [
    { from: "human", value: question },
    { from: "gpt", value: answer },
  ],
})
const ASK = ["--questions", "questions.json", "--max-tokens", "8", "--device", "cpu", "--dtype", "float32"]

beforeAll(async () => {
  await writeLettersModel(join(root, "ar"))
  await convert(join(root, "ar"), join(root, "blocks"), { record: { block_size: 4 } })
  const records = Array.from({ length: 4 }, (_, i) => turns(`${i} and 1?`, `${i + 1}`))
  write("questions.json", records)
  write("pictures.json", [{ ...turns("<image>\nwhat?", "a cat"), image: "cat.png" }])
  await sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } })
    .png()
    .toFile(join(root, "cat.png"))
  const task = { task: "sums", data: "questions.json", format: "llava", prompt: "{{question}}", target: "{{answer}}" }
  writeFileSync(join(root, "sums.yaml"), stringify({ ...task, score: "numeric", generation: { gen_length: 8 } }))
  const recipe = {
    model: "ar",
    output: "unused",
    block_diffusion: { block_size: 4 },
    data: { file: "questions.json" },
    train: { max_steps: 2, micro_batch_size: 2, dtype: "float32" },
  }
  writeFileSync(join(root, "recipe.yaml"), stringify(recipe))
  const adapted = { ...recipe, output: "adapter", lora: { rank: 2 } }
  writeFileSync(join(root, "adapter.yaml"), stringify(adapted))
})
afterAll(() => rmSync(root, { recursive: true }))

describe("ablate", () => {
  it("is listed, and lists its commands", async () => {
    expect((await start(root, ["--help"]).result).out).toMatch(/\n {2}ablate /)
    const { out } = await run("--help")
    for (const name of ["block-size", "steps", "threshold"]) expect(out).toMatch(new RegExp(`\\n  ${name} `))
    expect(await run()).toMatchObject({ code: 2 })
    expect(await run("block-sizes")).toMatchObject({ code: 2 })
  })

  it("block-size trains each size and measures it, beside another model", async () => {
    const args = ["--recipe", "recipe.yaml", "--sizes", "1,4", "--against", "ar", "--out", "a"]
    const { code, out } = await run("block-size", ...args, ...ASK)
    expect([code, out]).toEqual([0, expect.stringMatching(/a\/report\.html\n.*a\/report\.md\n/)])
    const [one, four, other] = report("a").results
    expect([one, four, other].map((row) => row["block size"])).toEqual(["1", "4", "ar"])
    expect(one.forwardsPerToken).toBe(1)
    expect(Object.keys(four.scores)).toEqual(["exact", "relaxed"])
    expect(report("a").command).toContain("ablate block-size --recipe recipe.yaml --sizes 1,4 --against ar")
  })

  it("steps measures a model at each parallelism", async () => {
    const args = ["--model", "blocks", "--steps", "4,2", "--limit", "3", "--metric", "word-f1", "--out", "s"]
    expect(await run("steps", ...args, ...ASK)).toMatchObject({ code: 0 })
    const { results, documents, metrics } = report("s")
    expect([documents, metrics]).toEqual([3, ["word-f1"]])
    expect(results.map((row: { steps: string; parallelism: string }) => [row.steps, row.parallelism])).toEqual([
      ["4", "1.0×"],
      ["2", "2.0×"],
    ])
    expect(results[1].forwardsPerToken).toBeLessThan(results[0].forwardsPerToken)
  })

  it("threshold measures a model at each of them, and asks nothing twice", async () => {
    const args = ["threshold", "--model", "blocks", "--thresholds", "1,0", "--out", "t"]
    expect(await run(...args, ...ASK)).toMatchObject({ code: 0 })
    const [sure, any] = report("t").results
    expect([sure.threshold, any.threshold]).toEqual(["1", "0"])
    expect(any.forwards).toBeLessThan(sure.forwards)
    expect(readFileSync(join(root, "t", "report.html"), "utf8")).toContain("τ 0")
    expect(await run(...args, ...ASK)).toMatchObject({ code: 0, err: "" })
  })

  it("asks tasks as `eval` does, and leaves runs that are scored anew and compared", async () => {
    const how = ["--max-tokens", "8", "--device", "cpu", "--dtype", "float32", "--limit", "0.5", "--out", "k"]
    const asked = ["--tasks", "sums.yaml", "--questions", "questions.json", "--metric", "exact", ...how]
    expect(await run("steps", "--model", "blocks", "--steps", "4,1", ...asked)).toMatchObject({ code: 0 })
    const { results, metrics, tasks, documents } = report("k")
    expect([tasks, metrics, documents]).toEqual([["questions", "sums"], ["questions/exact", "sums/numeric"], 4])
    const folders = results.map((row: { run: string }) => join("k", row.run))
    const rescored = await start(root, ["eval", "rescore", folders[1], "--out", "rescored"]).result
    expect([rescored.code, rescored.out]).toEqual([0, expect.stringMatching(/\|sums .*numeric/)])
    const { code, out } = await start(root, ["eval", "compare", ...folders, "--out", "compared.html"]).result
    expect([code, out]).toEqual([0, expect.stringMatching(/numeric/)])
    const compat = ["--tasks", "sums.yaml", "--compat", "--device", "cpu", "--dtype", "float32", "--out", "c"]
    expect(await run("threshold", "--model", "blocks", "--thresholds", "1", ...compat)).toMatchObject({ code: 0 })
    const record = JSON.parse(readFileSync(join(root, "c", report("c").results[0].run, "run.json"), "utf8"))
    expect(record.tasks[0].decoding).toMatchObject({
      strategy: "low_confidence_dynamic",
      reference: true,
      threshold: 1,
    })
  })

  it("measures an adapter on its base", async () => {
    expect(await start(root, ["train", "adapter.yaml"]).result).toMatchObject({ code: 0 })
    const model = join("adapter", "model")
    expect(await run("steps", "--model", model, "--base", "ar", "--steps", "2", "--out", "l", ...ASK)).toMatchObject({
      code: 0,
    })
    expect(report("l").results).toHaveLength(1)
  })
})

const RECIPE = ["block-size", "--recipe", "recipe.yaml"]

describe("nothing is written where", () => {
  it("nothing is asked", async () => {
    const { code, err } = await run("steps", "--model", "blocks", "--out", "bad")
    expect([code, err]).toEqual([1, expect.stringMatching(/nothing to ask.*--questions FILE.*--tasks/s)])
  })

  it.each([
    [2, [...RECIPE, "--sizes", "4,0"], /whole number of at least 1/],
    [2, [...RECIPE, "--sizes", "4,4"], /stands twice/],
    [2, ["block-size"], /required option '--recipe/],
    [2, ["threshold", "--model", "blocks", "--thresholds", "0.5,1.1"], /between 0 and 1/],
    [1, ["block-size", "nowhere", "--recipe", "recipe.yaml"], /no such model/],
    [1, [...RECIPE, "--dtype", "fp16"], /no type to compute in/],
    [1, [...RECIPE, "--metric", "bleu"], /no metric "bleu"/],
    [1, [...RECIPE, "--questions", "pictures.json"], /cannot see the pictures that are asked about/],
    [1, ["threshold", "--model", "blocks", "--questions", "pictures.json"], /cannot see the pictures that are asked/],
    [1, ["threshold", "--model", "blocks", "--tasks", "mmu_val"], /there is no task "mmu_val".*mmmu_val/s],
    [1, ["threshold", "--model", "blocks", "--metric", "bertscore:nowhere"], /nowhere/],
    [1, ["steps", "--model", "blocks", "--steps", "5"], /5 steps are more than a block of 4/],
    [1, ["steps", "--model", "blocks", "--steps", "2", "--against", "nowhere"], /no such model/],
    [1, ["threshold", "--model", "ar"], /ar is an autoregressive model: it has no threshold\n {2}measure it beside/],
    [
      1,
      ["steps", "--model", "ar", "--block-size", "4"],
      /autoregressive model: it has no steps\n {2}measure it beside/,
    ],
  ])("exit %i: %j", async (code, args, message) => {
    const [command, ...options] = args
    const result = await run(command, ...ASK, "--out", "bad", ...options)
    expect([result.code, result.err]).toEqual([code, expect.stringMatching(message)])
    expect(result.err).not.toMatch(/internal|\n\s+at /)
    expect(existsSync(join(root, "bad"))).toBe(false)
  })

  it("something else has the name of the report", async () => {
    writeFileSync(join(root, "taken"), "")
    const { code, err } = await run("steps", "--model", "blocks", "--steps", "2", ...ASK, "--out", "taken")
    expect([code, err]).toEqual([1, expect.stringMatching(/there is a file where/)])
  })
})
