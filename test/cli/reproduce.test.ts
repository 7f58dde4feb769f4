/** `diffusionvl reproduce` as people run it: the paper's figures on models and data that are given, and its tables from ablations. */

import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import sharp from "sharp"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { stringify } from "yaml"
import { convert } from "../../src/paradigms/convert.js"
import { writeParquet } from "../support/parquet-file.js"
import { collect, program, type Result, start } from "../support/program.js"
import { smallTraining, writeSmallVlm } from "../support/small-vlm.js"

const root = mkdtempSync(join(tmpdir(), "reproduce-command-"))
const encoder = resolve(import.meta.dirname, "../fixtures/bertscore/roberta")
/** The hub cannot be reached, and nothing was downloaded. */
const env = { ...process.env, HF_HUB_OFFLINE: "1", HF_HOME: join(root, "hub") }
const run = (...args: string[]): Promise<Result> =>
  collect(spawn(process.execPath, [program, "reproduce", ...args], { cwd: root, env })).result
const report = (out: string) => JSON.parse(readFileSync(join(root, out, "report.json"), "utf8"))

const [model, full] = ["blocks", "full"]
beforeAll(async () => {
  const small = await writeSmallVlm(root)
  const train = { max_steps: 1, accumulate: 1 }
  writeFileSync(join(root, "recipe.yaml"), stringify(smallTraining(small, "unused", { train })))
  await convert(small.model, join(root, model), { record: { block_size: 8 } })
  await convert(small.model, join(root, full), { paradigm: "full-diffusion" })
  const pictures = await Promise.all(
    ["red", "green", "blue"].map((background) =>
      sharp({ create: { width: 40, height: 40, channels: 3, background } })
        .png()
        .toBuffer(),
    ),
  )
  const strings = (...values: string[]) => ({ type: "string" as const, values })
  writeParquet(join(root, "charts.parquet"), {
    type: strings("human_test", "human_test", "augmented_test"),
    question: strings("Which?", "How many?", "Why?"),
    answer: strings("red", "2", "so"),
    image: { type: "image", values: pictures.map((bytes, i) => ({ bytes, path: `${i}.png` })) },
  })
  writeParquet(join(root, "captions.parquet"), {
    binary: { type: "binary", values: pictures },
    image: strings("a", "b", "c"),
    GT_Caption_GPT4O: strings("a red square", "a green square", "a blue square"),
    GT_Caption_GPT4V: strings("red", "green", "blue"),
    GT_Caption_Gemini15Pro: strings("it is red", "it is green", "it is blue"),
  })
})
afterAll(() => rmSync(root, { recursive: true }))

const GIVEN = ["--data", "detailcaps=captions.parquet", "--bertscore", encoder, "--max-tokens", "16", "--device", "cpu"]

describe("the paper's figures", () => {
  it("4: steps at the same parallelism, with the score of the captions, and what is so here", async () => {
    const args = ["figure4", "--models", `${full},${model},nowhere`, ...GIVEN, "--limit", "2", "--out", "f4"]
    const { code, out, err } = await run(...args)
    expect([code, err]).toEqual([0, expect.anything()])
    expect(out).toMatch(/not run: nowhere: .*no such model/)
    expect(out).toMatch(/not run: DiffusionVL-7B \(hustvl\/DiffusionVL-Qwen2.5VL-7B\), LLaDA-V-8B .*no model was given/)
    expect(out).toContain("answers of 16 tokens at most")
    const { figure } = report("f4")
    const rows = figure.found.results
    expect(rows.map(({ variant }: { variant: { label: string } }) => variant.label)).toEqual([
      ...["1.0×", "1.3×", "2.0×", "4.0×"],
      ...["1.0×", "1.3×", "2.0×", "4.0×"],
    ])
    expect(rows.map(({ variant }: { variant: { curve: string } }) => variant.curve)).toEqual([
      ...Array.from({ length: 4 }, () => model),
      ...Array.from({ length: 4 }, () => full),
    ])
    for (const { measured } of rows) expect(measured.scores.detailcaps_BERTScore.value).toEqual(expect.any(Number))
    expect(figure.claims.map(({ here }: { here: string }) => here)).toEqual([
      ...[
        expect.stringMatching(/^blocks against full: 1\.0× .* against .*; 4\.0× /s),
        expect.stringMatching(/tokens\/s against/),
      ],
      ...[
        expect.stringMatching(/^blocks: 1\.0× .* ± .*; 4\.0× /s),
        expect.stringMatching(/^blocks: 1\.0× .* tokens\/s/),
      ],
    ])
    const page = readFileSync(join(root, "f4", "report.html"), "utf8")
    for (const text of ["BERTScore against tokens per second", "so here", "With more steps", "Not run"])
      expect(page).toContain(text)
    // Decoded as the authors do, and kept as `eval` keeps it: it is scored anew.
    const ways = report(join("f4", "ablation")).results
    const folder = join("f4", "ablation", ways[3].run)
    expect(ways.at(-1).decoding).toMatchObject({ maxTokens: 16, steps: 4, prefixRefresh: 32 })
    const record = JSON.parse(readFileSync(join(root, folder, "run.json"), "utf8"))
    expect(record).toMatchObject({ compat: true, concurrent: 1, limit: 2 })
    expect(record.tasks[0].decoding).toMatchObject({
      maxTokens: 16,
      strategy: "low_confidence_static",
      reference: true,
    })
    const rescored = await start(root, ["eval", "rescore", folder, "--bertscore", encoder, "--out", "again"]).result
    expect([rescored.code, rescored.out]).toEqual([0, expect.stringContaining("detailcaps_BERTScore")])
    // What was made is found by --results, and nothing is asked.
    const found = await run("figure4", "--results", join("f4", "ablation"), "--out", "f4-again")
    expect([found.code, found.err]).toEqual([0, ""])
    expect(report("f4-again").figure.found.results).toEqual(rows)
  })

  it("5: thresholds of dynamic remasking, in 8 steps", async () => {
    const args = ["figure5", "--models", model, ...GIVEN, "--limit", "1", "--out", "f5"]
    const { code, out } = await run(...args)
    expect([code, out]).toEqual([0, expect.stringMatching(/smaller thresholds it is faster/)])
    const [first] = report(join("f5", "ablation")).results
    expect(first.decoding).toMatchObject({ threshold: 1, steps: 8, strategy: "low_confidence_dynamic", maxTokens: 16 })
  })

  it("say what is missing, and ask nothing, where models, data or encoder are not here", async () => {
    const none = await run("figure4", "--out", "none")
    expect([none.code, none.out]).toEqual([0, expect.stringMatching(/not run: .*none is on this machine/)])
    const noData = await run("figure5", "--models", model, "--device", "cpu", "--out", "no-data")
    expect([noData.code, noData.out]).toEqual([0, expect.stringMatching(/not run: all: /)])
    const noEncoder = await run(
      ...["figure5", "--models", model, ...GIVEN.slice(0, 2), "--device", "cpu", "--out", "no-encoder"],
    )
    expect([noEncoder.code, noEncoder.out]).toEqual([
      0,
      expect.stringMatching(/not run: all: .*roberta-large.*--bertscore/),
    ])
    expect(existsSync(join(root, "no-encoder", "ablation"))).toBe(false)
  })
})

it("names the models that are asked, and what it makes where nothing is said", { timeout: 120_000 }, async () => {
  const args = ["table4", "--models", model, "--data", "chartqa=charts.parquet", "--limit", "1", "--device", "cpu"]
  expect((await run(...args, "--out", "named")).err).toContain(`${model} · chartqa · `)
  expect(await run()).toMatchObject({ code: 2, err: expect.stringContaining("table1-4|figure4|figure5") })
})

describe("the paper's table 4", () => {
  it("has what an ablation of block sizes measured below the rows of these sizes, and models that are trained", async () => {
    const data = ["--data", "chartqa=charts.parquet"]
    const asked = ["--tasks", "chartqa", ...data, "--compat", "--max-tokens", "8", "--device", "cpu"]
    const sizes = ["ablate", "block-size", "--recipe", "recipe.yaml", "--sizes", "1,4", "--out", "sizes"]
    expect(await start(root, [...sizes, ...asked]).result).toMatchObject({ code: 0 })
    const args = ["table4", "--results", "sizes", "--models", model, ...data, "--device", "cpu", "--limit", "1"]
    const { code, out } = await run(...args, "--out", "t4")
    expect([code, out]).toEqual([0, expect.stringMatching(/block size 16/)])
    const { own } = report("t4").filled
    expect(own.map(({ model, repeats }: { model: string; repeats: number }) => [model, repeats])).toEqual([
      [model, 2],
      [join(root, "sizes", "block-1", "model"), 0],
      [join(root, "sizes", "block-4", "model"), 1],
    ])
    for (const { cells } of own) expect(cells[0]).toMatchObject({ value: expect.any(Number) })
    const record = JSON.parse(readFileSync(join(root, "t4", "paper", model, "run.json"), "utf8"))
    expect(record.tasks[0].decoding).toMatchObject({ blockSize: 8, steps: 8 })
  })
})
