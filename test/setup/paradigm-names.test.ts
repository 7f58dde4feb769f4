/** Architecture and paradigm are decoupled: outside paradigms/ nothing knows which paradigm it has. */

import { readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { expect, it } from "vitest"
import { paradigms } from "../../src/paradigms/registry.js"

const src = resolve(import.meta.dirname, "../../src")
/** What library users import by name; what is measured; and in which paradigm families are published, as a fact of their files. */
const MAY_NAME = ["index.ts", "bench/", "models/published-paradigms.ts"]

const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.startsWith("paradigms/"),
)
const namesOne = (text: string): boolean =>
  paradigms().some(({ name }) => new RegExp(`["'\`]${name}["'\`]|paradigms/${name}/`).test(text))

it("no file outside names a paradigm or imports from its folder", () => {
  expect(files.length).toBeGreaterThan(100)
  expect(namesOne('import { x } from "../paradigms/block-diffusion/decoder.js"')).toBe(true)
  expect(namesOne('if (name === "autoregressive") {')).toBe(true)
  expect(
    files.filter(
      (file) => !MAY_NAME.some((known) => file.startsWith(known)) && namesOne(readFileSync(join(src, file), "utf8")),
    ),
  ).toEqual([])
})

it("no architecture asks which paradigm a model has", () => {
  const asks = files.filter(
    (file) =>
      file.startsWith("models/") &&
      /paradigm\.name\s*[!=]==(?!\s*published)/.test(readFileSync(join(src, file), "utf8")),
  )
  expect(asks).toEqual([])
})
