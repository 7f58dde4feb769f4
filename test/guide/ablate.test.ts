/** docs/guide/ablate.md, followed: a metric of one's own. */

import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { expect, it } from "vitest"
import { metricNamed } from "../../src/eval/metrics.js"
import { ROBERTA_LARGE_BASELINE } from "../../src/index.js"
import "./rescaled-bertscore.js"

it("the guide shows this code", () => {
  const guide = readFileSync(resolve(import.meta.dirname, "../../docs/guide/ablate.md"), "utf8")
  const [, shown] = /```ts\n(.*?)```/s.exec(guide)!
  const code = readFileSync(join(import.meta.dirname, "rescaled-bertscore.ts"), "utf8")
  expect(code.replace("../../src/index.js", "diffusionvl")).toContain(shown.trimEnd())
})

it("scores are those of BERTScore, stretched", async () => {
  const encoder = resolve(import.meta.dirname, "../fixtures/bertscore/bert")
  const answers = [{ answer: "a cat", references: ["the cat sat"] }]
  const [[plain], [stretched]] = await Promise.all(
    ["bertscore", "rescaled-bertscore"].map(async (name) => (await metricNamed(`${name}:${encoder}`)).score(answers)),
  )
  const base = ROBERTA_LARGE_BASELINE.f1
  expect(stretched).toBeCloseTo((plain - base) / (1 - base), 6)
})
