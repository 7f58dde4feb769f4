/** Ways of decoding are compared by what they take, not by who came first. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { writeSmallAnswerers } from "../../test/support/small-answerers.js"
import { loadSession } from "../generate/session.js"
import { setThreads } from "../torch/index.js"
import { Measurement } from "./measure.js"
import type { Question } from "./questions.js"

const root = mkdtempSync(join(tmpdir(), "measure-"))
beforeAll(() => setThreads(1))
afterAll(() => rmSync(root, { recursive: true }))

it("a turn knows nothing of the turns before it, and its own questions begin alike only once", async () => {
  const folders = await writeSmallAnswerers(root)
  const session = loadSession(folders["block-diffusion"], { dtype: "float32", device: "cpu" })
  const questions = ["What is it?", "What is it not?"].map(
    (text): Question => ({ where: "test", messages: [{ role: "user", content: text }], images: [], references: [""] }),
  )
  const measurements = [4, 8].map(
    (steps) =>
      new Measurement(questions, {
        ...{ model: "small", fingerprint: "small", dtype: "float32", device: "cpu", metrics: [], concurrent: 1 },
        ...{ decoding: { maxTokens: 4, steps }, folder: root, key: String(steps) },
      }),
  )
  const { prefixes: none } = session.executor.statistics()
  await measurements[0].warmUp(session)
  const reused: number[] = []
  for (const measurement of measurements) {
    const before = session.executor.statistics().prefixes
    await measurement.answer(session, 2)
    const { hits, cachedTokens, requests } = session.executor.statistics().prefixes
    expect(requests - before.requests).toBe(2)
    expect(hits - before.hits).toBe(1)
    reused.push(cachedTokens - before.cachedTokens)
  }
  expect(none.requests).toBe(0)
  expect(reused[0]).toBeGreaterThan(0)
  expect(reused[1]).toBe(reused[0])
})
