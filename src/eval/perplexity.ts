/** How well a model foresees a text: perplexity over windows that overlap. */

import { mixSeeds } from "../data/prng.js"
import { UserError } from "../errors.js"
import { Executor } from "../execution/executor.js"
import { requireOptions } from "../generate/generate.js"
import { computeLikelihoods } from "../generate/likelihoods.js"
import { inMode } from "../generate/mode.js"
import type { Session } from "../generate/session.js"
import type { DecodingOptions } from "../paradigms/decoding-options.js"
import { requireBound } from "../paradigms/likelihood/bound.js"
import type { LikelihoodBound } from "../paradigms/paradigm.js"

export interface PerplexityOptions extends Pick<DecodingOptions, "blockSize" | "shift" | "mode"> {
  /** Tokens that the model sees at a time. @default 1024, or as many as it has positions */
  window?: number
  /** Tokens of each window that are new, and count; those before them are context. @default half of the window */
  stride?: number
  /** Tokens that count at most, from the beginning of the text on. @default all */
  limit?: number
  /**
   * Of a diffusion model an estimate of the bound that its training lowers; an autoregressive one's perplexity is exact in any case.
   * @default the exact likelihood of decoding from left to right
   */
  bound?: LikelihoodBound
  signal?: AbortSignal
  onEvent?: (event: PerplexityEvent) => void
}

/** After each window. */
export interface PerplexityEvent {
  type: "progress"
  /** Tokens that counted, of those that will. */
  done: number
  total: number
  /** Of the tokens so far. */
  tokenPerplexity: number
}

export interface Perplexity {
  /** Tokens that count: all but the first where nothing stands before it. */
  tokens: number
  /** UTF-8, of these tokens. */
  bytes: number
  /** Σ log p of each token given those before it in its window. */
  logLikelihood: number
  /** Of `logLikelihood`, where it is an estimate. */
  standardError?: number
  /** exp(−logLikelihood / tokens). Of models with one tokenizer only are these comparable. */
  tokenPerplexity: number
  /** exp(−logLikelihood / bytes) */
  bytePerplexity: number
  bitsPerByte: number
  windows: number
}

const DEFAULT_WINDOW = 1024

/**
 * Perplexity of a text. The text begins with what the tokenizer puts before texts (a BOS token, where it has one).
 *
 * Of an autoregressive model it is the usual one. A diffusion model is asked for one token after the other, from left to
 * right, those behind masked (`scoreAnswers`): by the chain rule that is a likelihood too, exact and without any draw. It
 * is that of this order of decoding; the bound that training lowers is a mean over all orders, and another number: with `bound`
 * it is estimated, and the perplexity is one that the model's is not above, but for the estimate's error.
 * @throws UserError when the text is too short, or the window has no room; the signal's reason when it fires
 */
export async function perplexity(opened: Session, text: string, options: PerplexityOptions = {}): Promise<Perplexity> {
  const { signal, onEvent, window: askedWindow, stride: askedStride, limit = Infinity, ...asked } = options
  const { bound: askedBound, ...decoding } = asked
  if (!(limit >= 1)) throw new UserError(`a limit of ${limit} tokens is impossible`, { fix: "take 1 or more" })
  const bound = askedBound && requireBound(askedBound)
  const session = inMode(opened, options.mode)
  requireOptions(session, decoding)
  const { tokenizer, config, paradigm } = session
  const before = tokenizer.ends.before
  const all = Int32Array.from([...before, ...tokenizer.encode(text)])
  // Something must stand before the first token that counts.
  const first = Math.max(1, before.length)
  const ids = all.slice(0, first + limit)
  const total = ids.length - first
  if (total < 1)
    throw new UserError("the text is too short for a perplexity", { fix: "give a text of two tokens or more" })
  const { window, stride } = sizesOf(askedWindow, askedStride, config.text.maxPositions)
  // No window begins as another one does.
  const executor = new Executor(session.model, { prefixCache: { bytes: 0 } })
  let [logLikelihood, variance, windows, done] = [0, 0, 0, 0]
  for (const { from, next, to } of windowsOf(ids.length, first, window, stride)) {
    signal?.throwIfAborted()
    const prompt = { ids: ids.slice(from, next) }
    const { likelihoods } = await computeLikelihoods(session, prompt, [ids.slice(next, to)], {
      ...{ ...decoding, signal, executor },
      // Each window has draws of its own.
      ...(bound && { bound: { ...bound, seed: mixSeeds(bound.seed, windows) } }),
    })
    logLikelihood += likelihoods[0].logLikelihood
    variance += (likelihoods[0].standardError ?? 0) ** 2
    windows++
    done += to - next
    onEvent?.({ type: "progress", done, total, tokenPerplexity: Math.exp(-logLikelihood / done) })
    // Signals and timers are served between windows.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const unseen = before.length > 0 ? 0 : Buffer.byteLength(tokenizer.decode(ids.slice(0, 1)))
  const read = ids.length < all.length ? tokenizer.decode(ids.slice(before.length)) : text
  const bytes = Math.max(1, Buffer.byteLength(read) - unseen)
  return {
    tokens: total,
    bytes,
    logLikelihood,
    ...(bound && bound.samples > 1 && paradigm.masks && { standardError: Math.sqrt(variance) }),
    tokenPerplexity: Math.exp(-logLikelihood / total),
    bytePerplexity: Math.exp(-logLikelihood / bytes),
    bitsPerByte: -logLikelihood / bytes / Math.LN2,
    windows,
  }
}

function sizesOf(
  window: number | undefined,
  stride: number | undefined,
  positions: number,
): { window: number; stride: number } {
  const size = window ?? Math.min(DEFAULT_WINDOW, positions)
  const step = stride ?? Math.max(1, size >> 1)
  if (!(Number.isInteger(size) && size >= 2 && size <= positions))
    throw new UserError(`a window of ${size} tokens is impossible`, {
      fix: `the model sees 2 to ${positions} at a time`,
    })
  if (!(Number.isInteger(step) && step >= 1 && step < size))
    throw new UserError(`windows of ${size} tokens cannot be ${step} apart`, {
      fix: `take 1 to ${size - 1}: at least one token before those that count is context`,
    })
  return { window: size, stride: step }
}

/**
 * What each window sees, from `from` to `to`, and counts, from `next` to `to`: the first as much as there is room for, the
 * others `stride` tokens each.
 */
export function* windowsOf(
  length: number,
  first: number,
  window: number,
  stride: number,
): Generator<{ from: number; next: number; to: number }> {
  let next = first
  for (let from = 0; next < length; from += stride) {
    const to = Math.min(from + window, length)
    if (to > next) yield { from, next, to }
    next = Math.max(next, to)
  }
}
