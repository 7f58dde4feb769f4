/**
 * The golden cases of the reference implementations, each as a test: those in the project, and all of them where their
 * folder is at hand.
 */

import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { goldenFolder, goldenPresent, needsGolden } from "../support/golden.js"
import { discoverKinds } from "./discover.js"
import { FixtureFolder } from "./folder.js"

const INCLUDED = [
  ...["image decoding", "image processing, Qwen2.5-VL", "image sizes"],
  ...[
    "training text, qwen_2_5",
    "training text, llada_plain",
    "prompts, qwen_2_5",
    "prompts, llava_llada",
    "tokenizer",
  ],
  ...["noise", "attention patterns", "logits", "training, autoregressive", "greedy decoding"],
]
const ALL = [
  ...["image decoding", "image processing, Qwen2.5-VL", "image sizes"],
  ...["image processing, SigLIP", "anyres tiles", "anyres resolutions", "anyres counts"],
  ...["vision features, Qwen2.5-VL", "vision windows", "vision features, SigLIP", "logits"],
  ...["training text, qwen_2_5", "prompts, qwen_2_5", "tokenizer", "noise", "attention patterns"],
  ...["training, block diffusion, DiffusionVL", "greedy decoding", "conversion"],
  ...["block decoding, every step of the reference", "block decoding, fast, same answer"],
  ...["training, block diffusion, diffusionvl_qwen", "training, autoregressive, llava_qwen", "pickled projectors"],
  ...["training, block diffusion, llava_llada_bd3lm", "training, full diffusion, llava_llada"],
  ...["noise and turns, full diffusion"],
  ...["full-diffusion decoding, every step of the reference", "full-diffusion decoding, same text"],
]

/** @param expected kinds that the folder must have cases of */
function testFolder(path: string, expected: readonly string[]): void {
  const kinds = discoverKinds(new FixtureFolder(path))
  it("are of every kind there is code for", () => {
    const found = kinds.filter(({ cases }) => cases.length > 0).map(({ kind }) => kind)
    expect(found).toEqual(expect.arrayContaining([...expected]))
  })
  for (const { kind, cases, skipped } of kinds) {
    describe(kind, () => {
      it.each(cases)("$id", ({ run }) => expect((async () => run())()).resolves.toBeUndefined())
      if (skipped > 0) it.skip(`${skipped} cases of ${kind} [needs code that there is not yet]`, () => {})
    })
  }
}

describe("golden cases in the project", () => {
  const folder = join(import.meta.dirname, "cases")
  testFolder(folder, INCLUDED)
  it("leave none out", () => {
    expect(discoverKinds(new FixtureFolder(folder)).filter(({ skipped }) => skipped > 0)).toEqual([])
  })
})

if (goldenPresent) describe("golden cases", () => testFolder(goldenFolder, ALL))
else needsGolden.it("all golden cases", () => {})
