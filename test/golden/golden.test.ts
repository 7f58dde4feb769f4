/** The golden cases of the reference implementations, each as a test, where their folder is at hand. */

import { describe, expect, it } from "vitest"
import { goldenFolder, goldenPresent } from "../support/golden.js"
import { discoverKinds } from "./discover.js"
import { FixtureFolder } from "./folder.js"

const kinds = goldenPresent ? discoverKinds(new FixtureFolder(goldenFolder)) : []

describe.skipIf(!goldenPresent)("golden cases", () => {
  it("are of every kind there is code for", () => {
    const found = kinds.filter(({ cases }) => cases.length > 0).map(({ kind }) => kind)
    expect(found).toEqual(
      expect.arrayContaining([
        "image decoding",
        "image processing, Qwen2.5-VL",
        "image sizes",
        "vision features, Qwen2.5-VL",
        "vision windows",
        "logits",
        "training text, qwen_2_5",
        "prompts, qwen_2_5",
        "tokenizer",
        "noise",
        "attention patterns",
        "training, block diffusion, DiffusionVL",
        "training, block diffusion, llada",
        "training, full diffusion, llada",
        "noise and turns, full diffusion",
        "block decoding, every step of the reference",
        "block decoding, fast, same answer",
        "full-diffusion decoding, every step of the reference",
        "full-diffusion decoding, same text",
        "greedy decoding",
        "conversion",
      ]),
    )
  })

  for (const { kind, cases, skipped } of kinds) {
    describe(kind, () => {
      it.each(cases)("$id", ({ run }) => expect((async () => run())()).resolves.toBeUndefined())
      if (skipped > 0) it.skip(`${skipped} cases: there is no code for these yet`, () => {})
    })
  }
})
