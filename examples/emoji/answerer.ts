/** A trained demo model as something that answers questions about pictures, in any way of decoding. */

import { dirname, join } from "node:path"
import { conversationOf } from "../../src/data/llava.js"
import { decode } from "../../src/generate/generate.js"
import { preparePrompt } from "../../src/generate/prepare.js"
import { scoreAnswers } from "../../src/generate/score.js"
import { loadSession, type Session } from "../../src/generate/session.js"
import type { DecodeDone, DecodeEvent } from "../../src/paradigms/decode-events.js"
import type { DecodingOptions } from "../../src/paradigms/decoding-options.js"
import type { Prompt } from "../../src/paradigms/prompt.js"
import type { EmojiRecord } from "./data/records.js"
import type { Answer, Answerer } from "./evaluate.js"

/** How block diffusion decodes; without a threshold the number of steps is fixed. */
export type Decoding = Pick<DecodingOptions, "threshold" | "strategy"> &
  Required<Pick<DecodingOptions, "blockSize" | "steps">>

const MAXIMUM_TOKENS = 64

/**
 * At this size the processor's cores are best used in float32, whatever it has. Nothing is kept of earlier answers: speeds are
 * compared, and the same questions are asked again.
 */
export function openDemoModel(folder: string): Session {
  return loadSession(folder, { dtype: "float32", device: "cpu", prefixCache: { bytes: 0 } })
}

export class DemoAnswerer implements Answerer {
  readonly #root: string

  /**
   * @param dataFile the questions; pictures are relative to it
   * @param decoding for block-diffusion models
   */
  constructor(
    readonly session: Session,
    dataFile: string,
    readonly decoding?: Decoding,
  ) {
    this.#root = dirname(dataFile)
  }

  #prompt(record: EmojiRecord): Promise<Prompt> {
    return preparePrompt(this.session, conversationOf([record.conversations[0]], true), [
      join(this.#root, record.image),
    ])
  }

  /** The decoder's events, for showing how an answer comes about. */
  async *events(record: EmojiRecord): AsyncGenerator<DecodeEvent> {
    yield* decode(this.session, await this.#prompt(record), { maxTokens: MAXIMUM_TOKENS, ...this.decoding })
  }

  async answer(record: EmojiRecord): Promise<Answer> {
    let done: DecodeDone | undefined
    for await (const event of this.events(record)) if (event.type === "done") done = event
    if (!done) throw new Error("decoding ended without a result")
    const { stats, ids, eosIndex } = done
    return {
      text: this.session.tokenizer.decode(ids.slice(0, eosIndex)),
      tokens: eosIndex === undefined ? stats.tokens : stats.tokens + 1,
      forwards: stats.forwardsToEnd,
      seconds: stats.milliseconds / 1000,
    }
  }

  async scores(record: EmojiRecord, options: readonly string[]): Promise<number[]> {
    const blockSize = this.decoding?.blockSize
    const scores = await scoreAnswers(this.session, await this.#prompt(record), options, { blockSize })
    return scores.map(({ logLikelihood }) => logLikelihood)
  }
}
