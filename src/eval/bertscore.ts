/**
 * BERTScore (Zhang et al. 2020): how well the words of a text are found, by their meaning in context, in another. As
 * bert_score 0.3 computes it.
 */

import { UserError } from "../errors.js"
import { inTurns } from "../in-turns.js"
import type { TextEncoder } from "../models/encoders/text-encoder.js"
import { noGrad, Scope, type Tensor } from "../torch/index.js"

/** Candidates that are scored at a time. */
const GROUP = 32
/** Tokens, padding included, that the encoder gets at a time. */
const BATCH_TOKENS = 4096

/** Scores of texts that have nothing to do with each other: 0 after rescaling. */
export interface BertScoreBaseline {
  precision: number
  recall: number
  f1: number
}

/** Of roberta-large, layer 17, for English: bert_score's. */
export const ROBERTA_LARGE_BASELINE: BertScoreBaseline = { precision: 0.83150584, recall: 0.8314941, f1: 0.83122575 }

export interface BertScoreOptions {
  encoder: TextEncoder
  /** Layer whose features are compared, from 0, the embeddings. @default the encoder's best one */
  layer?: number
  /** Rare tokens count more: each by the logarithm of how few references have it. @default false */
  idf?: boolean
  /** Rescales with these scores: (x − b) / (1 − b). @default scores are cosines */
  baseline?: BertScoreBaseline
  signal?: AbortSignal
}

/** One number for each candidate, and their means. */
export interface BertScores {
  precision: number[]
  recall: number[]
  f1: number[]
  mean: { precision: number; recall: number; f1: number }
}

type Score = BertScoreBaseline

/**
 * Compares candidates with references, each with its own. Of several references the best one counts, for each of the three scores.
 * Computed in float32, but for sums: equal to bert_score to about 1e-6. Empty texts score 0 before rescaling.
 * @param references for each candidate one, or a list of those that are as good
 * @throws UserError when lists do not fit together, or the encoder has no such layer
 * @throws what `signal` throws
 */
export async function bertScore(
  candidates: readonly string[],
  references: readonly (string | readonly string[])[],
  { encoder, layer = encoder.bestLayer, idf = false, baseline, signal }: BertScoreOptions,
): Promise<BertScores> {
  if (candidates.length !== references.length)
    throw new UserError(`${candidates.length} candidates have ${references.length} references`)
  if (candidates.length === 0) throw new UserError("there is no candidate to score")
  const listed = references.map((texts) => (typeof texts === "string" ? [texts] : texts))
  const bare = listed.findIndex((texts) => texts.length === 0)
  if (bare >= 0) throw new UserError(`candidate ${bare + 1} has no reference`)
  if (!Number.isInteger(layer) || layer < 0 || layer > encoder.layers)
    throw new UserError(`the encoder has layers 0 to ${encoder.layers}, not ${layer}`)
  const weightOf = idf ? inverseFrequency(listed.flat(), encoder) : (id: number) => (encoder.marks.has(id) ? 0 : 1)
  const best: Score[] = []
  for (let from = 0; from < candidates.length; from += GROUP) {
    signal?.throwIfAborted()
    const group = candidates.slice(from, from + GROUP)
    const scope = new Scope()
    try {
      const features = await featuresOf([...group, ...listed.slice(from, from + GROUP).flat()], {
        encoder,
        layer,
        scope,
        signal,
      })
      scope.within(() => {
        for (const [i, candidate] of group.entries()) {
          const scores = listed[from + i].map((reference) =>
            compare(features.get(candidate)!, features.get(reference)!, weightOf, encoder.markCount),
          )
          best.push(bestOf(scores))
        }
      })
    } finally {
      scope.dispose()
    }
  }
  const scores = baseline ? best.map((score) => rescaled(score, baseline)) : best
  const { precision, recall, f1 } = columns(scores)
  return { precision, recall, f1, mean: { precision: mean(precision), recall: mean(recall), f1: mean(f1) } }
}

/** (x − b) / (1 − b) of each score. */
export function rescaled(score: Score, baseline: BertScoreBaseline): Score {
  const rescale = (key: keyof Score): number => (score[key] - baseline[key]) / (1 - baseline[key])
  return { precision: rescale("precision"), recall: rescale("recall"), f1: rescale("f1") }
}

interface Features {
  ids: readonly number[]
  /** [R, C], each row of length 1. */
  rows: Tensor
}

async function featuresOf(
  texts: readonly string[],
  { encoder, layer, scope, signal }: { encoder: TextEncoder; layer: number; scope: Scope; signal?: AbortSignal },
): Promise<Map<string, Features>> {
  const tokenised = [...new Set(texts)]
    .map((text) => ({ text, ids: encoder.ids(text) }))
    .sort((a, b) => b.ids.length - a.ids.length)
  const features = new Map<string, Features>()
  const within = <T>(piece: () => T): T => scope.within(() => noGrad(piece))
  while (tokenised.length > 0) {
    const batch = tokenised.splice(0, Math.max(1, Math.floor(BATCH_TOKENS / tokenised[0].ids.length)))
    const forward = encoder.forwardInPieces(
      batch.map(({ ids }) => ids),
      layer,
    )
    const hidden = await inTurns(forward, { within, signal })
    within(() => {
      const exact = hidden.to("float32")
      const unit = exact.div(exact.mul(exact).sum([2], true).sqrt())
      for (const [i, { text, ids }] of batch.entries())
        features.set(text, { ids, rows: unit.select(0, i).narrow(0, 0, ids.length) })
    })
  }
  return features
}

function compare(candidate: Features, reference: Features, weightOf: (id: number) => number, markCount: number): Score {
  if (candidate.ids.length === markCount || reference.ids.length === markCount)
    return { precision: 0, recall: 0, f1: 0 }
  const cosines = candidate.rows.matmul(reference.rows.transpose(0, 1))
  const precision = weighted(cosines.amax([1]), candidate.ids, weightOf)
  const recall = weighted(cosines.amax([0]), reference.ids, weightOf)
  const f1 = (2 * precision * recall) / (precision + recall)
  return { precision, recall, f1: Number.isNaN(f1) ? 0 : f1 }
}

/** Mean of the cosines by the weights of their tokens; 0 where no token has any. */
function weighted(cosines: Tensor, ids: readonly number[], weightOf: (id: number) => number): number {
  const weights = ids.map(weightOf)
  const sum = cosines.toFloat32().reduce((sum, cosine, i) => sum + cosine * weights[i], 0)
  const total = weights.reduce((a, b) => a + b)
  return total === 0 ? 0 : sum / total
}

/** log((texts + 1) / (texts with the token + 1)): 0 for what all of them have, such as the marks. */
function inverseFrequency(texts: readonly string[], encoder: TextEncoder): (id: number) => number {
  const counts = new Map<number, number>()
  for (const text of texts) for (const id of new Set(encoder.ids(text))) counts.set(id, (counts.get(id) ?? 0) + 1)
  return (id) => Math.log((texts.length + 1) / ((counts.get(id) ?? 0) + 1))
}

const columns = (scores: readonly Score[]): Record<keyof Score, number[]> => ({
  precision: scores.map(({ precision }) => precision),
  recall: scores.map(({ recall }) => recall),
  f1: scores.map(({ f1 }) => f1),
})

function bestOf(scores: readonly Score[]): Score {
  const { precision, recall, f1 } = columns(scores)
  return { precision: Math.max(...precision), recall: Math.max(...recall), f1: Math.max(...f1) }
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length
