/** One model decoded in several ways (paper, figures 4 and 5), beside others. */

import { UserError } from "../../errors.js"
import { resolveDecoding } from "../../generate/decoding.js"
import { requireOptions } from "../../generate/generate.js"
import type { Unloaded } from "../../generate/session.js"
import { requireOption } from "../../paradigms/check-options.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import { modelTitle } from "../../readable.js"
import type { Plan, Variant } from "./plan.js"

/** A model that is decoded. */
export interface Subject {
  session: Unloaded
  /** As it was asked for, and as it is called in the report. */
  model: string
  title: string
  /** Of an adapter. */
  base?: string
}

const BESIDE = "measure it beside another model with --against"

/**
 * Steps for each block, and with them how many tokens a forward makes final: D / S. Others that decode in steps are
 * measured at the same parallelism.
 * @param steps in order; the paper's parallelism of 1.0, 1.3, 2.0 and twice that where none are given
 * @param decoding what holds for all of the model's variants, such as its block size
 * @throws UserError when the model has no steps, or a block has fewer tokens than steps
 */
export function planSteps(
  subject: Subject,
  others: readonly Subject[],
  { steps: asked, decoding }: { steps?: readonly number[]; decoding: DecodingOptions },
): Plan {
  requireOption(subject.session, "steps", BESIDE)
  const size = blockSizeOf(subject, { ...decoding, steps: 1 })
  const steps = asked ?? usualSteps(size)
  const tooMany = steps.find((count) => count > size)
  if (tooMany !== undefined)
    throw new UserError(`${tooMany} steps are more than a block of ${size} tokens can take`, {
      where: "--steps",
      fix: `give numbers from 1 to ${size}, or another --block-size`,
    })
  const { maxTokens } = decoding
  return {
    title: "Steps per block",
    text: "Parallelism is how many tokens a forward makes final, sure or not: the block size over the steps.",
    columns: ["model", "steps", "parallelism"],
    variants: [
      ...steps.map((count) => stepsVariant(subject, size, count, decoding)),
      ...others.flatMap((other) => {
        if (!other.session.paradigm.options.includes("steps"))
          return [variantOf(other, { label: "1.0×", cells: [other.title, "–", "1.0×"], decoding: { maxTokens } })]
        const otherSize = blockSizeOf(other, { maxTokens })
        const counts = new Set(steps.map((count) => Math.max(1, Math.round((otherSize * count) / size))))
        return [...counts].map((count) => stepsVariant(other, otherSize, count, { maxTokens }))
      }),
    ],
  }
}

const usualSteps = (size: number): number[] => [
  ...new Set([1, 3 / 4, 1 / 2, 1 / 4].map((part) => Math.max(1, Math.round(size * part)))),
]

function stepsVariant(subject: Subject, size: number, steps: number, decoding: DecodingOptions): Variant {
  const parallelism = `${(size / steps).toFixed(1)}×`
  const cells = [subject.title, String(steps), parallelism]
  return variantOf(subject, { key: `steps-${steps}`, label: parallelism, cells, decoding: { ...decoding, steps } })
}

/**
 * Thresholds of dynamic remasking: every token that the model is surer of becomes final at once.
 * @throws UserError when the model has no threshold, or one cannot be
 */
export function planThresholds(
  subject: Subject,
  others: readonly Subject[],
  { thresholds, decoding }: { thresholds: readonly number[]; decoding: DecodingOptions },
): Plan {
  requireOption(subject.session, "threshold", BESIDE)
  const { maxTokens } = decoding
  return {
    title: "Thresholds",
    text: "In a step every token becomes final that the model is sure enough of, by the threshold, and at least as many as without one.",
    columns: ["model", "threshold"],
    variants: [
      ...thresholds.map((threshold) =>
        variantOf(subject, {
          key: `threshold-${threshold}`,
          label: `τ ${threshold}`,
          cells: [subject.title, String(threshold)],
          decoding: { ...decoding, threshold },
        }),
      ),
      ...others.map((other) => asItIs(other, [other.title, "–"], maxTokens)),
    ],
  }
}

/** A model as it decodes when nobody asks for anything. */
export const asItIs = (subject: Subject, cells: readonly string[], maxTokens: number | undefined): Variant =>
  variantOf(subject, { label: "", cells, decoding: { maxTokens } })

/** What models are called in a report: in short, where that tells them apart. */
export function titlesOf(models: readonly string[]): string[] {
  const words = models.map(modelTitle)
  return words.map((word, i) => (words.indexOf(word) === words.lastIndexOf(word) ? word : models[i]))
}

/** @throws UserError when the model cannot be decoded so */
function variantOf(
  { session, model, title, base }: Subject,
  { key, label, cells, decoding }: Pick<Variant, "label" | "cells" | "decoding"> & { key?: string },
): Variant {
  requireOptions(session, decoding)
  resolveDecoding(session, decoding, 1)
  return {
    key: [title, ...(key ? [key] : [])].join("-").replaceAll(/[^\w.-]+/g, "-"),
    curve: title,
    label,
    cells,
    model,
    ...(base !== undefined && { base }),
    decoding,
  }
}

/** D of the model as it is asked to decode. */
function blockSizeOf({ session }: Subject, decoding: DecodingOptions): number {
  requireOptions(session, decoding)
  return resolveDecoding(session, decoding, 1).report.applied.blockSize.value as number
}
