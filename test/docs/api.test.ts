/** The public library is enough for what the guides add. That no signature names what is not exported, `npm run docs` checks. */

import { readdirSync, readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import ts from "typescript"
import { expect, it } from "vitest"

/** `diffusionvl` and `diffusionvl/torch`. */
const PUBLIC = ["../../src/index.js", "../../src/torch-entry.js", "zod"]
const root = resolve(import.meta.dirname, "../..")

it("a model, a tower, a connector, a paradigm and a metric are added with the public library alone", () => {
  const guide = join(root, "test/guide")
  const files = readdirSync(guide).filter((name) => !name.endsWith(".test.ts"))
  expect(files).toEqual(["conv-tower.ts", "phi3.ts", "pooling-connector.ts", "prefix-lm.ts", "rescaled-bertscore.ts"])
  for (const name of files) {
    const { importedFiles } = ts.preProcessFile(readFileSync(join(guide, name), "utf8"))
    const imported = importedFiles.map(({ fileName }) => fileName)
    expect(imported, name).toContain("../../src/index.js")
    expect(imported.filter((file) => !PUBLIC.includes(file))).toEqual([])
  }
})
