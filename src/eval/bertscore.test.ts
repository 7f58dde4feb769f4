/** BERTScore against bert_score 0.3.13 on tiny random encoders: test/fixtures/bertscore/make.py. */

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { failureOf } from "../../test/support/failure.js"
import { loadTextEncoder } from "../models/encoders/text-encoder.js"
import { collect, memory } from "../torch/index.js"
import { type BertScoreBaseline, bertScore, ROBERTA_LARGE_BASELINE, rescaled } from "./bertscore.js"

const fixtures = resolve(import.meta.dirname, "../../test/fixtures/bertscore")
const { pairs, references, encoders } = JSON.parse(readFileSync(join(fixtures, "expected.json"), "utf8")) as {
  pairs: [string, string][]
  references: string[][]
  encoders: Record<
    string,
    { layer: number; idf: boolean; several: boolean; scores: number[][]; baseline?: BertScoreBaseline }[]
  >
}
const candidates = pairs.map(([candidate]) => candidate)

describe.each(Object.keys(encoders))("%s", (name) => {
  const encoder = loadTextEncoder(join(fixtures, name))

  it.each(encoders[name])("layer $layer, idf $idf, several references $several, $baseline", async (wanted) => {
    const { layer, idf, several, baseline } = wanted
    const against = several ? references : pairs.map(([, reference]) => reference)
    const found = await bertScore(candidates, against, { encoder, layer, idf, baseline })
    for (const [i, key] of (["precision", "recall", "f1"] as const).entries()) {
      const worst = Math.max(...found[key].map((score, n) => Math.abs(score - wanted.scores[i][n])))
      expect(worst, key).toBeLessThan(2e-6)
      expect(found.mean[key]).toBeCloseTo(wanted.scores[i].reduce((a, b) => a + b) / pairs.length, 6)
    }
  })

  it("gives the same in any company, and frees what it made", async () => {
    const options = { encoder, layer: 2 }
    const many = Array.from({ length: 3 }, () => candidates).flat()
    const against = many.map((_, i) => pairs[i % pairs.length][1])
    await bertScore(["a"], ["b"], options)
    collect()
    const before = memory().tensors
    const together = await bertScore(many, against, options)
    expect(memory().tensors).toBe(before)
    for (const i of [0, 8, 20, 47]) {
      const alone = await bertScore([many[i]], [against[i]], options)
      expect(Math.abs(alone.f1[0] - together.f1[i])).toBeLessThan(2e-6)
    }
  })
})

describe("what cannot be", () => {
  const encoder = loadTextEncoder(join(fixtures, "bert"))

  it.each([
    [["a"], ["a", "b"], {}, /1 candidates have 2 references/],
    [[], [], {}, /no candidate/],
    [["a", "b"], ["a", []], {}, /candidate 2 has no reference/],
    [["a"], ["a"], { layer: 4 }, /layers 0 to 3, not 4/],
    [["a"], ["a"], { layer: 1.5 }, /layers 0 to 3, not 1.5/],
  ] as const)("%j against %j with %j", async (candidates, references, options, sentence) => {
    await expect(bertScore(candidates, references, { encoder, ...options })).rejects.toThrow(sentence)
  })

  it("stops when it is asked to", async () => {
    const stop = new AbortController()
    stop.abort(new Error("enough"))
    await expect(bertScore(candidates, candidates, { encoder, signal: stop.signal })).rejects.toThrow("enough")
  })
})

describe("a folder that is no encoder of its tokenizer", () => {
  const config = JSON.parse(readFileSync(join(fixtures, "bert/config.json"), "utf8"))
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "encoder-"))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const files = ["config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"]
  const write = (name: string, changed: Record<string, string>): string => {
    const made = join(folder, name)
    mkdirSync(made)
    for (const file of files) {
      if (file in changed) writeFileSync(join(made, file), changed[file])
      else copyFileSync(join(fixtures, "bert", file), join(made, file))
    }
    return made
  }

  it.each([
    [
      "another model",
      { "config.json": JSON.stringify({ ...config, model_type: "gpt2" }) },
      /model_type "gpt2".*\n.*bert/,
    ],
    ["odd heads", { "config.json": JSON.stringify({ ...config, num_attention_heads: 3 }) }, /does not divide into/],
    [
      "relative positions",
      { "config.json": JSON.stringify({ ...config, position_embedding_type: "relative_key" }) },
      /position_embedding_type/,
    ],
    ["more layers", { "config.json": JSON.stringify({ ...config, num_hidden_layers: 4 }) }, /16 tensors missing/],
    ["another width", { "config.json": JSON.stringify({ ...config, intermediate_size: 32 }) }, /not \[32, 16\]/],
    ["a vocabulary without marks", { "vocab.txt": "a\nb\n" }, /no token \[UNK\]/],
    ["a larger vocabulary", { "vocab.txt": `[UNK]\n[CLS]\n[SEP]\n${"x".repeat(300).split("").join("y\n")}` }, /tokens/],
    ["another tokenizer", { "tokenizer_config.json": '{"tokenizer_class": "BertweetTokenizer"}' }, /not BERT's/],
  ])("%s", (name, changed, sentence) => {
    expect(failureOf(() => loadTextEncoder(write(name, changed as unknown as Record<string, string>)))).toMatch(
      sentence,
    )
  })
})

it("rescales as for roberta-large", () => {
  const scores = [0.9, 0.88, 0.91].map((f1) => rescaled({ precision: 0, recall: 0, f1 }, ROBERTA_LARGE_BASELINE).f1)
  expect(Math.max(...scores)).toBeCloseTo(0.4667432976298223, 5)
  expect(rescaled({ precision: 0, recall: 0, f1: 0 }, ROBERTA_LARGE_BASELINE).f1).toBeCloseTo(-4.925, 3)
})
