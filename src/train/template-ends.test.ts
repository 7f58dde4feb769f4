/** What a chat template writes behind an answer must not tell a block-diffusion model where the answer ends. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { writeLettersModel } from "../../test/support/letters-model.js"
import { run } from "../../test/support/run-training.js"
import { readMetrics } from "./metrics.js"
import { trainingSchema } from "./recipe/config.js"

const root = mkdtempSync(join(tmpdir(), "template-ends-"))
beforeAll(() => writeLettersModel(join(root, "model")))
afterAll(() => rmSync(root, { recursive: true }))

/** Positions that are learned of one conversation with this answer. */
async function labelled(answer: string, blockSize: number): Promise<number> {
  const name = `${answer.length}-${blockSize}`
  const conversations = [
    { from: "human", value: "what" },
    { from: "gpt", value: answer },
  ]
  writeFileSync(join(root, `${name}.json`), JSON.stringify([{ conversations }]))
  const config = trainingSchema().parse({
    model: join(root, "model"),
    output: join(root, name),
    paradigm: "block-diffusion",
    block_diffusion: { block_size: blockSize, learn: "answers" },
    data: { file: join(root, `${name}.json`), sampler: "shuffle" },
    train: { max_steps: 1, dtype: "float32" },
  })
  await run(config)
  return readMetrics(join(config.output, "metrics.jsonl"))[0].labelledTokens
}

it.each([1, 2, 5, 6, 7, 8])(
  "learns an answer of %i letters, its end and what fills the last block, without a gap",
  async (n) => {
    const before = "<user\nwhat>\n<assistant\n".length
    const learned = n + 1
    expect(await labelled("a".repeat(n), 8)).toBe(Math.ceil((before + learned) / 8) * 8 - before)
    expect(await labelled("a".repeat(n), 1)).toBe(learned)
  },
)
