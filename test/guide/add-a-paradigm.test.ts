/** docs/guide/add-a-paradigm.md, followed: a prefix language model trains, is saved and loaded, decodes and scores. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { decode } from "../../src/generate/generate.js"
import { scoreAnswers } from "../../src/generate/score.js"
import { loadSession } from "../../src/generate/session.js"
import { normaliseConfig } from "../../src/models/read-config.js"
import { initialiseWeights } from "../../src/models/registry.js"
import { saveModel } from "../../src/models/save.js"
import { registerParadigm } from "../../src/paradigms/registry.js"
import { readTrainingRecipe } from "../../src/train/recipe/plan.js"
import { finishedModel } from "../../src/train/trainer.js"
import { run } from "../support/run-training.js"
import { SMALL_FAMILIES } from "../support/small-families.js"
import { prefixLm } from "./prefix-lm.js"

const root = mkdtempSync(join(tmpdir(), "add-a-paradigm-"))
const model = join(root, "model")
const letters = Array.from("abcdefghijklmnopqrstuvwxyz ,.\nABCDEFGHIJ")

beforeAll(async () => {
  registerParadigm(prefixLm)
  const config = normaliseConfig(SMALL_FAMILIES.llama)
  await saveModel(model, { config, parameters: initialiseWeights(config, 3, { std: 0.3 }) })
  const vocab = Object.fromEntries(letters.map((letter, i) => [letter, i + 3]))
  const added_tokens = ["<pad>", "<s>", "</s>"].map((content, id) => ({ id, content, special: true }))
  writeFileSync(
    join(model, "tokenizer.json"),
    JSON.stringify({ added_tokens, model: { type: "BPE", vocab, merges: [] } }),
  )
  const chat_template =
    "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}. {% else %}{{ m.content }}</s>{% endif %}{% endfor %}"
  writeFileSync(join(model, "tokenizer_config.json"), JSON.stringify({ chat_template, eos_token: "</s>" }))
})
afterAll(() => rmSync(root, { recursive: true }))

it("the guide shows this code", () => {
  const guide = readFileSync(resolve(import.meta.dirname, "../../docs/guide/add-a-paradigm.md"), "utf8")
  const code = readFileSync(join(import.meta.dirname, "prefix-lm.ts"), "utf8")
  const shown = [...guide.matchAll(/```ts\n(.*?)```/gs)].map(([, block]) => block.trim())
  expect(shown.length).toBeGreaterThan(2)
  for (const block of shown.filter((own) => !own.startsWith("// elsewhere"))) expect(code).toContain(block)
})

it("the model learns as a recipe says, and answers what it learned", async () => {
  const turns = [
    { from: "human", value: "say a" },
    { from: "gpt", value: "abcabc" },
  ]
  writeFileSync(join(root, "data.json"), JSON.stringify([{ conversations: turns }]))
  const settings = { max_steps: 60, learning_rate: 0.01, dtype: "float32", warmup_ratio: 0 }
  const recipe = {
    model,
    output: join(root, "out"),
    paradigm: "prefix-lm",
    data: { file: "data.json" },
    train: settings,
  }
  writeFileSync(join(root, "recipe.yaml"), JSON.stringify(recipe))
  await run(readTrainingRecipe(join(root, "recipe.yaml")))

  const session = loadSession(finishedModel(recipe.output), { dtype: "float32", device: "cpu" })
  expect(session.paradigm).toBe(prefixLm)
  const ids = Int32Array.from(session.tokenizer.encode("say a. "))
  let decoded = 0
  for await (const event of decode(session, { ids }, { maxTokens: 12 })) {
    if (event.type === "step") decoded += Math.log(event.confidences[0])
    if (event.type === "done")
      expect([...event.ids.slice(0, event.eosIndex)]).toEqual(session.tokenizer.encode("abcabc"))
  }
  const [right, wrong] = await scoreAnswers(session, { ids }, ["abcabc", "cbacba"])
  // The decoder, with its cache, and the likelihood, without, see the same.
  expect(right.logLikelihood).toBeCloseTo(decoded, 4)
  expect(right.logLikelihood).toBeGreaterThan(-1)
  expect(wrong.logLikelihood).toBeLessThan(right.logLikelihood - 5)
})
