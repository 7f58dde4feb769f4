/** How well a model foresees a text: perplexity over windows that overlap. */

import { UserError } from "../errors.js"
import { requireOptions } from "../generate/generate.js"
import { inMode } from "../generate/mode.js"
import { explainDecodingError } from "../generate/not-finite.js"
import type { Session } from "../generate/session.js"
import type { DecodingOptions } from "../paradigms/decoding-options.js"

export interface PerplexityOptions extends Pick<DecodingOptions, "blockSize" | "shift" | "mode"> {
  /** Tokens that the model sees at a time. @default 1024, or as many as it has positions */
  window?: number
  /** Tokens of each window that are new, and count; those before them are context. @default half of the window */
  stride?: number
  /** Tokens that count at most, from the beginning of the text on. @default all */
  limit?: number
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
 * is that of this order of decoding; the bound that training lowers is a mean over all orders, and another number.
 * @throws UserError when the text is too short, or the window has no room; the signal's reason when it fires
 */
export async function perplexity(opened: Session, text: string, options: PerplexityOptions = {}): Promise<Perplexity> {
  const { signal, onEvent, window: askedWindow, stride: askedStride, limit = Infinity, ...decoding } = options
  if (!(limit >= 1)) throw new UserError(`a limit of ${limit} tokens is impossible`, { fix: "take 1 or more" })
  const session = inMode(opened, options.mode)
  requireOptions(session, decoding)
  const { tokenizer, config, model, paradigm } = session
  const before = tokenizer.ends.before
  const all = Int32Array.from([...before, ...tokenizer.encode(text)])
  // Something must stand before the first token that counts.
  const first = Math.max(1, before.length)
  const ids = all.slice(0, first + limit)
  const total = ids.length - first
  if (total < 1)
    throw new UserError("the text is too short for a perplexity", { fix: "give a text of two tokens or more" })
  const { window, stride } = sizesOf(askedWindow, askedStride, config.text.maxPositions)
  let [logLikelihood, windows, done] = [0, 0, 0]
  for (const { from, next, to } of windowsOf(ids.length, first, window, stride)) {
    signal?.throwIfAborted()
    const prompt = { ids: ids.slice(from, next), features: [] }
    try {
      const [sum] = paradigm.likelihoods(model, prompt, [ids.slice(next, to)], config, decoding)
      logLikelihood += sum
    } catch (error) {
      throw explainDecodingError(error, session, prompt)
    }
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
