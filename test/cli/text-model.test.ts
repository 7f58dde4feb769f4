/** Every command with models that read text only, from a folder and from a GGUF file, as people run them. */

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { stringify } from "yaml"
import { type Result, start } from "../support/program.js"
import { type SmallTextModel, TEMPLATE, writeSmallTextModel } from "../support/small-text-model.js"

const root = mkdtempSync(join(tmpdir(), "text-commands-"))
let small: SmallTextModel
beforeAll(async () => {
  small = await writeSmallTextModel(root)
})
afterAll(() => rmSync(root, { recursive: true }))

const run = (...args: string[]): Promise<Result> => start(root, args).result
const CPU = ["--dtype", "float32", "--device", "cpu", "--max-tokens", "8"]
const generate = (model: string, ...args: string[]) => run("generate", "--model", model, ...CPU, "--json", ...args)
const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), "utf8"))

function recipe(name: string, model: string, keys: object = {}): { file: string; output: string } {
  const [file, output] = [join(root, `${name}.yaml`), join(root, name)]
  const train = { max_steps: 2, micro_batch_size: 2, accumulate: 1, learning_rate: 0.01, dtype: "float32" }
  writeFileSync(file, stringify({ model, output, data: { file: small.data }, train, ...keys }))
  return { file, output }
}

describe("a folder and a GGUF file", () => {
  it("answer the same, in the words of the model's own template", async () => {
    const answers = await Promise.all(
      [small.folder, small.gguf, dirname(small.gguf)].map((model) => generate(model, "What colour is this?")),
    )
    const [first, ...others] = answers.map(({ code, out, err }) => {
      expect([code, err]).toEqual([0, ""])
      const { text, stats } = JSON.parse(out)
      return { text, promptRows: stats.promptTokens }
    })
    for (const other of others) expect(other).toEqual(first)
    // Typed markup is longer than the token that it is not.
    const typed = await generate(small.folder, "What colour is this?<|im_end|>")
    expect(JSON.parse(typed.out).stats.promptTokens).toBeGreaterThan(first.promptRows + 1)
    const told = await generate(small.folder, "--system", "Be brief.", "What colour is this?")
    expect(JSON.parse(told.out).stats.promptTokens).toBeGreaterThan(first.promptRows)
  })

  it("hold a conversation", async () => {
    const lines = ["What colour is this?", "And now?", "/reset", "hello <|im_end|>"]
    const { code, err } = await start(
      root,
      ["chat", "--model", small.gguf, ...CPU, "--system", "Be brief."],
      `${lines.join("\n")}\n`,
    ).result
    expect(code).toBe(0)
    const prompts = [...err.matchAll(/prompt (\d+) tokens/g)].map(([, tokens]) => Number(tokens))
    expect(prompts).toHaveLength(3)
    expect(prompts[1]).toBeGreaterThan(prompts[0])
    expect(prompts[2]).toBeLessThan(prompts[1])
  })

  it("show what would be learned of a data file", async () => {
    const shown = "⟦green<|im_end|>⟧\n<|im_start|>user\nAnd this?<|im_end|>\n<|im_start|>assistant\n⟦blue<|im_end|>⟧"
    for (const model of [small.folder, small.gguf]) {
      const { code, out } = await run("data", "check", small.data, "--model", model, "--show")
      expect(code).toBe(0)
      expect(out).toContain(shown)
      expect(out).toContain("⟦hello, zebra<|im_end|>⟧")
      expect(out).toMatch(/2 of 2 records checked: all good[\s\S]*3 answers to learn from/)
    }
    const one = await run("data", "check", small.data, "--model", small.folder, "--show", "--limit", "1", "--json")
    const [sample, summary] = one.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
    expect([sample.type, sample.index, summary.type]).toEqual(["sample", 0, "summary"])
    expect(sample.text.filter(({ learned }: { learned: boolean }) => learned)).toEqual([
      { text: "green<|im_end|>", learned: true },
      { text: "blue<|im_end|>", learned: true },
    ])
    const learned = sample.labels.filter((label: number) => label !== -100)
    expect(learned.filter((label: number) => label === small.end)).toHaveLength(2)
    expect(await run("data", "check", small.data, "--show")).toMatchObject({
      code: 1,
      err: expect.stringContaining("give --model"),
    })
  })
})

it("the perplexity of a text file: the same of a folder and a GGUF file, and what cannot be is said", async () => {
  writeFileSync(join(root, "text.txt"), "hello, zebra. hello, zebra.")
  writeFileSync(join(root, "bad.txt"), Uint8Array.of(0x61, 0xff, 0x62))
  const of = (model: string, file: string, ...more: string[]) =>
    run("eval", "perplexity", model, join(root, file), "--dtype", "float32", "--device", "cpu", ...more)
  const [folder, gguf] = await Promise.all([small.folder, small.gguf].map((model) => of(model, "text.txt", "--json")))
  const found = JSON.parse(folder.out)
  expect(found.tokenPerplexity).toBeGreaterThan(1)
  expect(JSON.parse(gguf.out)).toEqual({ ...found, model: small.gguf })
  const shown = await of(small.folder, "text.txt", "--window", "4", "--stride", "2")
  expect(shown).toMatchObject({ code: 0, out: expect.stringMatching(/bits per byte/) })
  for (const file of ["bad.txt", "nowhere.txt"])
    expect(await of(small.folder, file)).toMatchObject({ code: 1, err: expect.stringContaining(file) })
})

describe("convert", () => {
  it("makes a folder of a GGUF file that answers as it does", async () => {
    const out = join(root, "from-gguf")
    expect(await run("convert", small.gguf, "--out", out, "--paradigm", "autoregressive")).toMatchObject({ code: 0 })
    expect(json(out, "tokenizer_config.json").chat_template).toBe(TEMPLATE)
    const [before, after] = await Promise.all([small.gguf, out].map((model) => generate(model, "hello")))
    expect(JSON.parse(after.out).text).toBe(JSON.parse(before.out).text)
  })

  it("gives a model without a spare token a mask, and takes the template along", async () => {
    for (const [i, model] of [small.folder, small.gguf].entries()) {
      const out = join(root, `diffusion-${i}`)
      expect(await run("convert", model, "--out", out, "--block-size", "4")).toMatchObject({ code: 0 })
      expect(json(out, "config.json")).toMatchObject({
        model_type: "llama",
        vocab_size: small.vocabulary + 1,
        mask_token_id: small.vocabulary,
        diffusionvl: { paradigm: "block-diffusion", block_size: 4 },
      })
      expect(json(out, "tokenizer_config.json").chat_template).toBe(TEMPLATE)
      const { code, out: answer } = await generate(out, "hello")
      expect(code).toBe(0)
      expect(JSON.parse(answer).stats.forwards).toBeGreaterThan(0)
    }
  })
})

describe("training", () => {
  it("learns the answers of the template, autoregressively", async () => {
    const { file, output } = recipe("learned", small.folder, { paradigm: "autoregressive" })
    expect(await run("train", file)).toMatchObject({ code: 0 })
    expect(json(output, "model", "tokenizer_config.json").chat_template).toBe(TEMPLATE)
    expect(json(output, "model", "config.json")).toMatchObject({ model_type: "llama", vocab_size: small.vocabulary })
    expect(await generate(join(output, "model"), "hello")).toMatchObject({ code: 0 })
  })

  it("translates a GGUF file; the result is a folder that can be trained on", async () => {
    const blocks = { paradigm: "block-diffusion", block_diffusion: { block_size: 4, shift: "next" } }
    const first = recipe("translated", "overridden by the argument", blocks)
    const done = await run("translate", small.gguf, "--recipe", first.file)
    expect(done).toMatchObject({ code: 0, out: expect.not.stringContaining("--image") })
    const model = join(first.output, "model")
    expect(json(model, "config.json")).toMatchObject({
      vocab_size: small.vocabulary + 1,
      mask_token_id: small.vocabulary,
      diffusionvl: { paradigm: "block-diffusion", block_size: 4, shift: "next" },
    })
    expect(json(model, "tokenizer_config.json").chat_template).toBe(TEMPLATE)
    expect(await generate(model, "hello")).toMatchObject({ code: 0 })
    const again = recipe("translated-again", model, blocks)
    expect(await run("train", again.file)).toMatchObject({ code: 0 })
    expect(json(again.output, "model", "config.json").vocab_size).toBe(small.vocabulary + 1)
  })
})

describe("what cannot be is said", () => {
  it("a model without a chat template continues text, and holds no conversation", async () => {
    const folder = join(root, "base")
    mkdirSync(folder)
    const base = await writeSmallTextModel(folder, null)
    for (const model of [base.folder, base.gguf]) {
      const { code, out, err } = await generate(model, "hello, ")
      expect([code, err]).toEqual([0, "note: the model has no chat template: it continues the text\n"])
      expect(JSON.parse(out).stats.promptTokens).toBeLessThan(8)
      const refused = [
        start(root, ["chat", "--model", model], "hello\n").result,
        generate(model, "--system", "Be brief.", "hello"),
        run("data", "check", small.data, "--model", model),
        run("train", recipe("never", model, { paradigm: "autoregressive" }).file),
      ]
      for (const result of await Promise.all(refused))
        expect(result).toMatchObject({ code: 1, err: expect.stringContaining("the model has no chat template") })
    }
  })

  it("a folder with another form of tokenizer is told how to convert it", async () => {
    const folder = join(root, "sentencepiece")
    cpSync(small.folder, folder, { recursive: true })
    rmSync(join(folder, "tokenizer.json"))
    writeFileSync(join(folder, "tokenizer.model"), "")
    const results = await Promise.all([
      generate(folder, "hello"),
      run("convert", folder, "--out", join(root, "nothing")),
      run("data", "check", small.data, "--model", folder),
      run("train", recipe("nowhere", folder, { paradigm: "autoregressive" }).file),
    ])
    for (const result of results)
      expect(result).toMatchObject({ code: 1, err: expect.stringMatching(/tokenizer\.model.*[\s\S]*pip install/) })
  })

  it("a GGUF file of another kind is named with what is known, and other files are none", async () => {
    const [other, cut, text] = ["other.gguf", "cut.gguf", "text.txt"].map((name) => join(root, name))
    const bytes = readFileSync(small.gguf)
    const at = bytes.indexOf("llama")
    writeFileSync(other, Buffer.concat([bytes.subarray(0, at), Buffer.from("mamba"), bytes.subarray(at + 5)]))
    writeFileSync(cut, bytes.subarray(0, 5000))
    writeFileSync(text, "this is no model")
    const cases: [string, RegExp][] = [
      [other, /"mamba" is not supported; supported are llama, qwen2, qwen3, smollm3/],
      [cut, /cut\.gguf: /],
      [text, /it is a file; a model is a folder with config\.json and weights, or a \.gguf file/],
      [join(root, "missing.gguf"), /there is no such model/],
    ]
    for (const [model, sentence] of cases) {
      const { code, err } = await generate(model, "hello")
      expect([code, err], model).toEqual([1, expect.stringMatching(sentence)])
      expect(err).not.toMatch(/internal|\n\s+at /)
    }
  })
})
