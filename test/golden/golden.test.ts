/**
 * The golden cases of the reference implementations, each as a test: those in the project, and all of them where their
 * folder is at hand.
 */

import { join } from "node:path"
import { describe, expect, it } from "vitest"
import {
  goldenEvaluationFolder,
  goldenEvaluationPresent,
  goldenFamiliesFolder,
  goldenFamiliesPresent,
  goldenFolder,
  goldenPresent,
  needsGolden,
  needsGoldenEvaluation,
  needsGoldenFamilies,
} from "../support/golden.js"
import { discoverKinds } from "./discover.js"
import { FixtureFolder } from "./folder.js"
import { EVALUATION_STAGES, evaluationKind } from "./kinds/evaluation.js"

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

const FAMILIES = [
  ...["logits", "training, autoregressive", "greedy decoding"],
  ...["image processing, families", "prompts with pictures, families"],
  ...["vision features, qwen3_vl", "vision features, llava", "vision features, llava_onevision"],
  ...["vision features, smolvlm"],
]

const EVALUATION = Object.keys(EVALUATION_STAGES).map(evaluationKind)

/** @param expected kinds that the folder must have cases of */
function testFolder(path: string, expected: readonly string[]): void {
  const kinds = discoverKinds(new FixtureFolder(path))
  it("are of every kind there is code for", () => {
    const found = kinds.filter(({ cases }) => cases.length > 0).map(({ kind }) => kind)
    expect(found).toEqual(expect.arrayContaining([...expected]))
  })
  it("leave none out", () => {
    expect(kinds.filter(({ skipped }) => skipped > 0)).toEqual([])
  })
  for (const { kind, cases } of kinds) {
    describe(kind, () => {
      it.each(cases)("$id", ({ run }) => expect((async () => run())()).resolves.toBeUndefined())
    })
  }
}

describe("golden cases in the project", () =>
  testFolder(join(import.meta.dirname, "cases"), [...INCLUDED, ...EVALUATION]))

if (goldenPresent) describe("golden cases", () => testFolder(goldenFolder, ALL))
else needsGolden.it("all golden cases", () => {})

if (goldenFamiliesPresent) describe("golden cases of the families", () => testFolder(goldenFamiliesFolder, FAMILIES))
else needsGoldenFamilies.it("all golden cases of the families", () => {})

if (goldenEvaluationPresent)
  describe("golden cases of evaluation", () => testFolder(goldenEvaluationFolder, EVALUATION))
else needsGoldenEvaluation.it("all golden cases of evaluation", () => {})
