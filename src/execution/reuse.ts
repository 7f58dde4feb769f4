/**
 * What requests begin with is computed once: found in what is kept of earlier ones, or waited for where another one computes
 * it now.
 */

import type { KvCache } from "../nn/kv-cache.js"
import { noGrad } from "../torch/index.js"
import type { Asked } from "./batch.js"
import { type Content, tokensInCommon } from "./content.js"
import { isSameKind, PrefixCache, type PrefixKind } from "./prefix-cache.js"
import type { Slot } from "./slot.js"
import type { ExecutorStatistics } from "./statistics.js"
import { untilAborted } from "./until-aborted.js"

/** A beginning that is being computed. */
interface Filling {
  kind: PrefixKind
  content: Content
  /** Tokens of it that will be kept. */
  tokens: number
  /** When some more of it is, or it has ended. */
  progress: Promise<void>
  advance(): void
}

/** What a request need not compute; `end` says that it is computed or given up. */
export interface Begun {
  tokens: number
  end(): void
}

const FROM_NOTHING: Begun = { tokens: 0, end() {} }

export class Reuse {
  readonly #cache: PrefixCache
  readonly #filling = new Map<Slot, Filling>()
  #requests = 0
  #hits = 0
  #tokens = 0
  #cachedTokens = 0

  /** @param limit bytes of keys and values that are kept; 0: none */
  constructor(limit: number) {
    this.#cache = new PrefixCache(limit)
  }

  set limit(bytes: number) {
    this.#cache.limit = bytes
  }

  /**
   * Puts into the slot's empty cache what is known of a request's first tokens, and waits before that for another request that
   * computes most of them.
   * @throws the reason of `signal` when it is aborted
   */
  async beginSlot(slot: Slot, asked: Asked, signal?: AbortSignal): Promise<Begun> {
    const kind = slot.kindOf(asked)
    const most = firstTokens(asked)
    if (this.#cache.limit === 0 || !kind || most === 0 || asked.start > 0 || slot.cache.length > 0) return FROM_NOTHING
    const content = slot.content()
    const room = Math.floor(this.#cache.limit / slot.cache.bytesPerToken)
    let kept = this.#cache.match(kind, content, most)
    for (;;) {
      const other = this.#betterThan(kept, kind, content, Math.min(most, room))
      if (!other) break
      await untilAborted(other.progress, signal)
      kept = this.#cache.match(kind, content, most)
    }
    const whole = kept - (kept % asked.blockSize)
    const tokens = this.#restore(kind, content, whole, slot.cache)
    if (tokens > 0) slot.reused(kind, tokens)
    this.#count(most, tokens)
    const filling: Filling = { kind, content, tokens: most, ...progressing() }
    this.#filling.set(slot, filling)
    return {
      tokens,
      end: () => {
        this.#filling.delete(slot)
        filling.advance()
      },
    }
  }

  /** A forward has computed a part of a request. What is in the prompt is kept at once, for those that wait for it. */
  computed(slot: Slot, part: Asked): void {
    slot.computed(part)
    if (part.commit === 0 || part.start >= slot.promptTokens) return
    this.keepSlot(slot, slot.promptTokens)
    const filling = this.#filling.get(slot)
    if (!filling) return
    const { advance } = filling
    Object.assign(filling, progressing())
    advance()
  }

  /**
   * Keeps what is known of a slot's cache.
   * @param most tokens that may be kept
   */
  keepSlot(slot: Slot, most = Number.POSITIVE_INFINITY): void {
    if (this.#cache.limit === 0 || !slot.known) return
    const { kind, tokens } = slot.known
    noGrad(() => this.#cache.keep(kind, slot.content(), Math.min(tokens, most), slot.cache))
  }

  #restore(kind: PrefixKind, content: Content, most: number, cache: KvCache): number {
    return most > 0 ? noGrad(() => this.#cache.restore(kind, content, most, cache)) : 0
  }

  #count(tokens: number, cached: number): void {
    this.#requests++
    this.#tokens += tokens
    this.#cachedTokens += cached
    if (cached > 0) this.#hits++
  }

  clear(): void {
    this.#cache.clear()
  }

  statistics(): Pick<ExecutorStatistics, "prefixes"> {
    const { bytes, limit, evictions } = this.#cache
    const [requests, hits, tokens, cachedTokens] = [this.#requests, this.#hits, this.#tokens, this.#cachedTokens]
    return { prefixes: { requests, hits, tokens, cachedTokens, bytes, limit, evictions } }
  }

  /**
   * Another request that computes what this one begins with. One is waited for only where it saves at least half of what is
   * left to compute: the others may have much before them.
   */
  #betterThan(kept: number, kind: PrefixKind, content: Content, most: number): Filling | undefined {
    for (const other of this.#filling.values()) {
      if (!isSameKind(other.kind, kind)) continue
      const common = Math.min(tokensInCommon(other.content, content, 0), other.tokens, most)
      const saved = common - (common % kind.block) - kept
      if (saved > 0 && saved >= (most - kept) / 2) return other
    }
    return undefined
  }
}

/** How many of a request's tokens may be known before: whole blocks that stay in the cache and predict nothing. */
function firstTokens({ start, blockSize, commit, wanted }: Asked): number {
  if (!Number.isFinite(blockSize)) return 0
  const most = Math.min(commit, (wanted[0] ?? Number.POSITIVE_INFINITY) - start)
  return Math.max(0, Math.floor(most / blockSize) * blockSize)
}

function progressing(): Pick<Filling, "progress" | "advance"> {
  let advance = (): void => {}
  const progress = new Promise<void>((resolve) => {
    advance = resolve
  })
  return { progress, advance }
}
