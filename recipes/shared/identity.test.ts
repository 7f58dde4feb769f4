import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeEach, expect, it } from "vitest"
import { hashesOf, keepIdentity } from "./identity.js"

const root = mkdtempSync(join(tmpdir(), "identity-"))
afterAll(() => rmSync(root, { recursive: true }))

const settings = { seed: 1, steps: { whole: 200 } }
const [tower, model] = [join(root, "tower"), join(root, "model.gguf")]
let runs = 0
let folder: string
beforeEach(() => {
  folder = join(root, `run-${runs++}`)
  for (const path of [join(tower, "deep"), folder]) mkdirSync(path, { recursive: true })
  writeFileSync(join(tower, "deep", "weights"), Buffer.alloc(300_000, 1))
  writeFileSync(model, "model")
})

interface Changes {
  recipe?: string
  settings?: object
  train?: string[]
  given?: Record<string, string | undefined>
}
const keep = ({ given = { tower, model }, ...changes }: Changes = {}): Promise<void> =>
  keepIdentity(folder, { recipe: "sees", settings, train: ["a=b"], given: hashesOf(given), ...changes })

it("goes on with the same settings and the same files, wherever they lie", async () => {
  await keep()
  const recorded = readFileSync(join(folder, "settings.json"), "utf8")
  const moved = join(root, "moved")
  cpSync(tower, moved, { recursive: true })
  await keep({ given: { tower: moved, model, vqa: undefined } })
  expect(readFileSync(join(folder, "settings.json"), "utf8")).toBe(recorded)
})

it("names what is otherwise: settings, keys of trainings, content, names, one more or one less", async () => {
  await keep()
  await expect(keep({ settings: { ...settings, seed: 2, steps: { whole: 9 }, lora: { rank: 4 } } })).rejects.toThrow(
    /with other settings: seed was 1, not 2; steps.whole was 200, not 9; lora was nothing, not {"rank":4}$/,
  )
  await expect(keep({ train: ["a=c"], given: { model } })).rejects.toThrow(
    /settings: --train a was "b", not "c"; --tower was given$/,
  )
  await expect(keep({ given: { tower, model, vqa: tower } })).rejects.toThrow(/--vqa was not given$/)
  writeFileSync(model, "modem")
  await expect(keep()).rejects.toThrow(/--model was another: its content differs$/)
  writeFileSync(model, "model")
  renameSync(join(tower, "deep", "weights"), join(tower, "deep", "other"))
  await expect(keep()).rejects.toThrow(/--tower was another/)
  rmSync(join(tower, "deep", "other"))
})

it("refuses what is not there, and folders of other runs, of earlier versions and of nobody", async () => {
  expect(() => hashesOf({ tower: join(root, "none") })).toThrow(/no such file or folder/)
  await keep()
  await expect(keep({ recipe: "smollm2" })).rejects.toThrow(/this is a run of "sees", not of smollm2$/)
  writeFileSync(join(folder, "settings.json"), JSON.stringify({ ...settings, set: [], given: {} }))
  await expect(keep()).rejects.toThrow(/of an earlier version/)
  rmSync(join(folder, "settings.json"))
  await keep()
  rmSync(join(folder, "settings.json"))
  writeFileSync(join(folder, "config.json"), "{}")
  await expect(keep()).rejects.toThrow(/other files, such as config.json: no run of sees began in it/)
})
