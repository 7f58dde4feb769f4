/** What was computed for earlier requests is used again by every family and paradigm, and changes no answer. */

import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { generateText } from "../src/generate/generate.js"
import { preparePrompt } from "../src/generate/prepare.js"
import { scoreAnswers } from "../src/generate/score.js"
import { loadSession, type Session } from "../src/generate/session.js"
import type { RgbImage } from "../src/image/decode.js"
import { readConfig } from "../src/models/read-config.js"
import { convert } from "../src/paradigms/convert.js"
import { paradigms } from "../src/paradigms/registry.js"
import type { Message, Part } from "../src/text/conversation.js"
import { setThreads } from "../src/torch/index.js"
import { TINY_MODELS, writeTinyModel } from "./support/tiny-models.js"

const root = mkdtempSync(join(tmpdir(), "reuse-"))
beforeAll(() => setThreads(1))
afterAll(() => rmSync(root, { recursive: true }))

const compute = { dtype: "float32", device: "cpu" } as const
const picture = (seed: number): RgbImage => ({
  width: 16,
  height: 8,
  data: Uint8Array.from({ length: 16 * 8 * 3 }, (_, i) => (i * i * 7 + seed * i) % 251),
})

/** A folder of the family for a paradigm. */
async function folderOf(family: string, paradigm: string): Promise<string> {
  const published = join(root, family)
  if (!existsSync(published)) await writeTinyModel(published, TINY_MODELS[family])
  if (readConfig(published).paradigm.name === paradigm) return published
  const converted = join(root, `${family}-${paradigm}`)
  if (!existsSync(converted)) await convert(published, converted, { paradigm })
  return converted
}

/** A user's words, behind pictures where there are any. */
const said = (text: string, pictures: number): Message => ({
  role: "user",
  content: [...Array.from({ length: pictures }, (): Part => ({ type: "image" })), { type: "text", text }],
})

const combinations = Object.keys(TINY_MODELS).flatMap((family) =>
  paradigms().map(({ name }) => [family, name] as const),
)

describe.each(combinations)("%s, %s", (family, paradigm) => {
  it("answers the second question about a picture, the next turn and another text before it as without", async () => {
    const folder = await folderOf(family, paradigm)
    const session = loadSession(folder, compute)
    const apart = loadSession(folder, { ...compute, prefixCache: { bytes: 0 } })
    const shown = session.images ? [picture(31)] : []
    const ask = async (messages: Message[], images: readonly RgbImage[]): Promise<number> => {
      const request = { messages, images, maxTokens: 8, temperature: 0 }
      const [own, other] = [await generateText(session, request), await generateText(apart, request)]
      expect(own.ids).toEqual(other.ids)
      expect([own.stats.forwards, other.stats.cachedTokens]).toEqual([other.stats.forwards, 0])
      const options = ["Red.", "A blue one."]
      const scored = await Promise.all(
        [session, apart].map(async (each) => scoreAnswers(each, await preparePrompt(each, messages, images), options)),
      )
      for (const [i, { logLikelihood }] of scored[0].entries())
        expect(logLikelihood).toBeCloseTo(scored[1][i].logLikelihood, 4)
      return own.stats.cachedTokens
    }
    const pictures = shown.length
    const first = said("What is it, and what else?", pictures)
    expect(await ask([first], shown)).toBe(0)
    const second = await ask([said("What is it not?", pictures)], shown)
    const answered: Message = { role: "assistant", content: "No." }
    const turn = await ask([first, answered, said("Why?", 0)], shown)
    await ask([said("Now: what is it?", 0), answered, said("And this?", pictures)], shown)
    const reusable = paradigm !== "full-diffusion"
    expect(second > 0).toBe(reusable)
    expect(turn > second || !reusable).toBe(true)
    if (!session.images) return
    const { asked, reused, recalled } = session.executor.statistics().pictures
    expect([reused, recalled]).toEqual([asked - pictures, asked - pictures])
    // Another picture is another one.
    const known = await ask([first], [picture(77)])
    if (reusable) expect(known).toBeLessThan(turn)
    expect(session.executor.statistics().pictures.reused).toBe(reused + 1)
  })
})

it("an adapter's session knows nothing of its base's", async () => {
  const base = await folderOf("qwen2", "autoregressive")
  const scratch = join(root, "adapter")
  mkdirSync(scratch)
  const { trained } = await import("./models/mechanisms.js")
  const adapter = await trained(
    { folder: base, scratch },
    { paradigm: "autoregressive", lora: { rank: 2, target: "all-linear" } },
  )
  const request = { messages: [said("What is it, and what else?", 0)], maxTokens: 8, temperature: 0 }
  const [plain, adapted]: Session[] = [base, adapter].map((folder) => loadSession(folder, compute))
  const apart = loadSession(adapter, { ...compute, prefixCache: { bytes: 0 } })
  await generateText(plain, request)
  const first = await generateText(adapted, request)
  expect(first.stats.cachedTokens).toBe(0)
  const again = await generateText(adapted, request)
  expect(again.stats.cachedTokens).toBeGreaterThan(0)
  const { ids } = await generateText(apart, request)
  expect([first.ids, again.ids]).toEqual([ids, ids])
})
