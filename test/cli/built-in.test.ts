/** The models that ship: they open by name, know drawings that their training never saw, and name what they were made from. */

import { readdirSync, readFileSync, statSync } from "node:fs"
import { join, resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { renderDrawing } from "../../examples/emoji/data/render.js"
import { loadDrawings, loadEmojis } from "../../examples/emoji/data/sources.js"
import { generate, generateText } from "../../src/generate/generate.js"
import { openModel } from "../../src/generate/session.js"
import { imagePrompt, type Message } from "../../src/text/conversation.js"

const folder = resolve(import.meta.dirname, "../../models")
const names = ["emoji-ar", "emoji-ar-small", "emoji-diffusion"]

const MANY = [
  ...["red apple", "pizza", "frog", "rocket", "violin"],
  ...["snowman", "tiger face", "bicycle", "sunflower", "anchor"],
]
/** Of the 128 that the small model knows. */
const FEW = [
  ...["green apple", "panda", "owl", "taxi", "guitar"],
  ...["tiger face", "elephant", "crown", "sunflower", "volcano"],
]

/** A drawing of the held-out vendor, as the training pictures are drawn. */
async function drawing(name: string): Promise<Uint8Array> {
  const { code } = loadEmojis().find((emoji) => emoji.name === name)!
  return (await renderDrawing(loadDrawings("twemoji").svg(code)!, 84))!
}
const ask = (question: string): Message[] => [{ role: "user", content: imagePrompt(1, question) }]

describe.each(names)("%s", (name) => {
  it("has a card with licences, and is small", () => {
    const card = readFileSync(join(folder, name, "README.md"), "utf8")
    for (const part of ["twemoji", "CC BY", "noto", "Apache", "openmoji", "fluent-emoji-flat", "naming, exact"])
      expect(card).toContain(part)
    const bytes = readdirSync(join(folder, name)).reduce(
      (sum, file) => sum + statSync(join(folder, name, file)).size,
      0,
    )
    expect(bytes).toBeLessThan(16e6)
  })

  it("names most of a few well-known drawings of a vendor it has not seen", async () => {
    const session = await openModel(name, { dtype: "float32" })
    const known = name === "emoji-ar-small" ? FEW : MANY
    const answers = await Promise.all(
      known.map(async (emoji) => {
        const { text } = await generateText(session, { messages: ask("What is this?"), images: [await drawing(emoji)] })
        return text.trim()
      }),
    )
    const right = answers.filter((answer, i) => answer === known[i])
    expect(right.length, answers.join("; ")).toBeGreaterThanOrEqual(3)
  })

  it("streams a description that is the whole answer", async () => {
    const session = await openModel(name, { dtype: "float32" })
    const threshold = session.paradigm.name === "block-diffusion" ? { threshold: 0.9 } : {}
    let streamed = ""
    let whole: string | undefined
    for await (const event of generate(session, {
      messages: ask("Describe it."),
      images: [await drawing("tiger face")],
      ...threshold,
    })) {
      if (event.type === "text") streamed += event.text
      if (event.type === "done") whole = event.text
    }
    expect(whole).toBe(streamed)
    expect(streamed).toMatch(/^The picture shows this: [^.]+\. It belongs to /)
  })
})
