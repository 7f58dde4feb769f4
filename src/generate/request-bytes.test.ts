/** Memory that is told before is the memory that is taken. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { type SmallAnswerers, writeSmallAnswerers } from "../../test/support/small-answerers.js"
import { imagePrompt, type Message } from "../text/conversation.js"
import { collect, memory, setThreads } from "../torch/index.js"
import { generate, generateText } from "./generate.js"
import { preparePrompt } from "./prepare.js"
import { requestBytes } from "./request-bytes.js"
import { loadSession } from "./session.js"

const root = mkdtempSync(join(tmpdir(), "bytes-"))
let folders: SmallAnswerers
beforeAll(async () => {
  setThreads(1)
  folders = await writeSmallAnswerers(root)
})
afterAll(() => rmSync(root, { recursive: true }))

const picture = { width: 60, height: 40, data: new Uint8Array(60 * 40 * 3).fill(90) }
const shown: Message[] = [{ role: "user", content: imagePrompt(1, "What is it?") }]

it.each([
  ["autoregressive", {}],
  ["block-diffusion", {}],
  ["block-diffusion", { blockSize: 16, shift: "next" }],
] as const)("%s %j", async (kind, options) => {
  const session = loadSession(folders[kind], { dtype: "float32", device: "cpu", prefixCache: { bytes: 0 } })
  const { ids, features } = await preparePrompt(session, shown, [picture])
  const pictureTokens = features![0].shape[0]
  features![0].dispose()
  const size = { promptTokens: ids.length, pictureTokens, maxTokens: 20, ...options }
  const told = requestBytes(session, size)
  // The logits that may be kept are those of one token.
  const kept = session.model.vocabSize * 4
  // What the engine remembers of a model's first forwards is no request's.
  await generateText(session, { messages: shown, images: [picture], maxTokens: 20, ...options })
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise(setImmediate)
  }
  const before = memory()
  let most = 0
  for await (const { type } of generate(session, { messages: shown, images: [picture], maxTokens: 20, ...options })) {
    if (type !== "done") most = Math.max(most, memory().bytes - before.bytes)
  }
  expect(most).toBeGreaterThanOrEqual(told - kept)
  expect(most).toBeLessThanOrEqual(told)
  expect(memory().bytes).toBeLessThanOrEqual(before.bytes)
  expect(() => requestBytes(session, { ...size, maxTokens: -1 })).toThrow("max-tokens")
})
