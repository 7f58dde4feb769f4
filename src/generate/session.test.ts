import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { convert } from "../paradigms/convert.js"
import { loadSession } from "./session.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-session-"))
afterAll(() => rmSync(folder, { recursive: true }))

it("refuses a diffusion model whose mask is a token of the text", () => {
  const model = join(folder, "model")
  cpSync(resolve(import.meta.dirname, "../../models/emoji-diffusion"), model, { recursive: true })
  expect(loadSession(model).paradigm.name).toBe("block-diffusion")
  const config = JSON.parse(readFileSync(join(model, "config.json"), "utf8"))
  writeFileSync(join(model, "config.json"), JSON.stringify({ ...config, mask_token_id: 100 }))
  expect(() => loadSession(model)).toThrow(
    expect.objectContaining({
      message: expect.stringMatching(/^the model's mask, id 100, is the token/),
      where: model,
    }),
  )
})

describe("token ids of config.json", () => {
  const [autoregressive, diffusion] = ["emoji-ar-small", "emoji-diffusion"].map((name) =>
    resolve(import.meta.dirname, "../../models", name),
  )
  /** A copy of a model with other members of its config.json and generation_config.json. */
  const changed = (model: string, members: object, generation?: object): string => {
    const copy = mkdtempSync(join(folder, "ids-"))
    cpSync(model, copy, { recursive: true })
    const config = JSON.parse(readFileSync(join(copy, "config.json"), "utf8"))
    writeFileSync(join(copy, "config.json"), JSON.stringify({ ...config, ...members }))
    if (generation) writeFileSync(join(copy, "generation_config.json"), JSON.stringify(generation))
    return copy
  }
  it.each([
    "image_token_id",
    "video_token_id",
    "vision_start_token_id",
    "vision_end_token_id",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
  ])("%s outside the vocabulary is refused", (key) => {
    for (const [model, size] of [
      [autoregressive, 1368],
      [diffusion, 2064],
    ] as const)
      for (const id of [size, 1_000_000_000]) {
        const copy = changed(model, { [key]: id })
        expect(() => loadSession(copy)).toThrow(
          expect.objectContaining({
            message: `${key}: token ${id} is outside the vocabulary of ${size}`,
            where: join(copy, "config.json"),
          }),
        )
      }
  })
  it.each([
    ["image_token_id", "<|image_pad|>", 1362],
    ["video_token_id", "<|video_pad|>", 1363],
    ["vision_start_token_id", "<|vision_start|>", 1359],
    ["vision_end_token_id", "<|vision_end|>", 1360],
  ])("%s of a token of the text is refused", (key, token, right) => {
    const copy = changed(autoregressive, { [key]: 5 })
    expect(() => loadSession(copy)).toThrow(
      new RegExp(`^${key}: token 5 is .+ of the tokenizer, whose ${token.replaceAll("|", "\\|")} is ${right}$`),
    )
  })
  it("left out or null is fine", () => {
    const none = { image_token_id: null, video_token_id: null, pad_token_id: null }
    expect(loadSession(changed(autoregressive, none)).paradigm.name).toBe("autoregressive")
  })
  it("are looked at before a model is translated", async () => {
    const copy = changed(autoregressive, { image_token_id: 5 })
    await expect(convert(copy, join(folder, "translated"))).rejects.toThrow("image_token_id: token 5 is")
  })
  it("an end that generation_config.json names outside the vocabulary", () => {
    const copy = changed(autoregressive, {}, { eos_token_id: 99999999 })
    expect(() => loadSession(copy)).toThrow(
      "eos_token_id: token 99999999 is outside the vocabulary of 1368, so no answer would ever end",
    )
  })
})
