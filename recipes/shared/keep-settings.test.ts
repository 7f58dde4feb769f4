import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeEach, expect, it } from "vitest"
import { keepSettings } from "./keep-settings.js"

const root = mkdtempSync(join(tmpdir(), "keep-settings-"))
afterAll(() => rmSync(root, { recursive: true }))

const settings = { seed: 1, set: ["a=b"] }
const [tower, model] = [join(root, "tower"), join(root, "model.gguf")]
let runs = 0
let folder: string
beforeEach(() => {
  folder = join(root, `run-${runs++}`)
  for (const path of [join(tower, "deep"), folder]) mkdirSync(path, { recursive: true })
  writeFileSync(join(tower, "deep", "weights"), Buffer.alloc(300_000, 1))
  writeFileSync(model, "model")
})

it("goes on with the same settings and the same files, wherever they lie", async () => {
  await keepSettings(settings, folder, { tower, model })
  const recorded = readFileSync(join(folder, "settings.json"), "utf8")
  const moved = join(root, "moved")
  cpSync(tower, moved, { recursive: true })
  await keepSettings(settings, folder, { tower: moved, model, vqa: undefined })
  expect(readFileSync(join(folder, "settings.json"), "utf8")).toBe(recorded)
})

it("refuses others: settings, content, names, one more or one less", async () => {
  const again = (now: object, given: Record<string, string>) => keepSettings(now, folder, given)
  await again(settings, { tower, model })
  await expect(again({ ...settings, seed: 2 }, { tower, model })).rejects.toThrow(/with other settings/)
  await expect(again(settings, { model })).rejects.toThrow(/was started with --tower$/)
  await expect(again(settings, { tower, model, vqa: tower })).rejects.toThrow(/with no --vqa$/)
  await expect(again(settings, { tower: join(root, "none"), model })).rejects.toThrow(/no such file/)
  writeFileSync(model, "modem")
  await expect(again(settings, { tower, model })).rejects.toThrow(/another --model: its content differs/)
  writeFileSync(model, "model")
  renameSync(join(tower, "deep", "weights"), join(tower, "deep", "other"))
  await expect(again(settings, { tower, model })).rejects.toThrow(/another --tower/)
  rmSync(join(tower, "deep", "other"))
})

it("records what was given for a folder of before, which says nothing of it", async () => {
  writeFileSync(join(folder, "settings.json"), JSON.stringify(settings))
  await keepSettings(settings, folder, { tower })
  await keepSettings(settings, folder, { tower })
  await expect(keepSettings(settings, folder)).rejects.toThrow(/was started with --tower/)
})
