/** Nothing outside models/ asks which architecture a model has, and checkpoint/ knows none. */
import { readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import { expect, it } from "vitest"

const source = join(import.meta.dirname, "..")
const files = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
  .map((name) => ({ name: relative(source, join(source, name)), text: readFileSync(join(source, name), "utf8") }))
/** What library users name by import is listed in index.ts. */
const outside = files.filter(({ name }) => !/^(models\/|index\.ts$)/.test(name))
const having = (list: typeof files, pattern: RegExp): string[] =>
  list
    .filter(({ text }) => pattern.test(text))
    .map(({ name }) => name)
    .sort()

it("no file outside models/ imports a family or asks for one", () => {
  expect(outside.length).toBeGreaterThan(100)
  expect(having(files, /from "\.\.?\/families\//)).toEqual([
    "models/compose/authors-form.ts",
    "models/registry.ts",
    "models/vision/qwen2_5-vision.ts",
  ])
  expect(having(outside, /models\/(families\/|vision\/(qwen|tiled)|decoder\/decoder)/)).toEqual([])
  expect(having(outside, /\.family\b|\bmodelType\b/)).toEqual([])
})

it("checkpoint/ names no family", () => {
  const checkpoint = files.filter(({ name }) => /^checkpoint\/(safetensors\/)?[^/]+$/.test(name))
  expect(checkpoint.length).toBeGreaterThan(15)
  expect(having(checkpoint, /qwen|llama|mistral|smollm|vision_tower|mm_projector|model\.layers/i)).toEqual([])
})
