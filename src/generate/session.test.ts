import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, expect, it } from "vitest"
import { loadSession } from "./session.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-session-"))
afterAll(() => rmSync(folder, { recursive: true }))

it("refuses a diffusion model whose mask is a token of the text", () => {
  const model = join(folder, "model")
  cpSync(resolve(import.meta.dirname, "../../models/emoji-diffusion"), model, { recursive: true })
  expect(loadSession(model).paradigm).toBe("block-diffusion")
  const config = JSON.parse(readFileSync(join(model, "config.json"), "utf8"))
  writeFileSync(join(model, "config.json"), JSON.stringify({ ...config, mask_token_id: 100 }))
  expect(() => loadSession(model)).toThrow(
    expect.objectContaining({
      message: expect.stringMatching(/^the model's mask, id 100, is the token/),
      where: model,
    }),
  )
})
