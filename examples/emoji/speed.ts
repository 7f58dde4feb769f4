/**
 * How fast models decode, compared fairly: in turns within one run. The speed of a machine changes from minute to minute, so
 * models measured one after the other are not comparable; within a round all of them meet the same machine.
 */

import { type Spread, spreadOf } from "../../src/report/spread.js"
import type { EmojiRecord } from "./data/records.js"
import type { Answerer } from "./evaluate.js"

export interface Speed {
  /** Tokens up to and with the first end-of-sequence token, over the time of decoding. */
  tokensPerSecond: Spread
  /** Over the baseline's in the same round. */
  ratio: Spread
  rounds: number
}

export interface SpeedOptions {
  rounds: number
  /** Questions of a round; every contender answers the same ones. */
  questions: number
  signal?: AbortSignal
  onAnswer?: () => void
}

/**
 * Lets every contender answer in every round, in an order that turns with the rounds. One uncounted answer each comes first.
 * @param contenders what is measured; the first is the baseline
 * @param records questions; taken in order, again from the front when they run out
 * @returns one entry per contender
 */
export async function measureSpeeds(
  contenders: readonly Pick<Answerer, "answer">[],
  records: readonly EmojiRecord[],
  { rounds, questions, signal, onAnswer }: SpeedOptions,
): Promise<Speed[]> {
  for (const contender of contenders) {
    signal?.throwIfAborted()
    await contender.answer(records[0])
  }
  const rates: number[][] = contenders.map(() => [])
  for (let round = 0; round < rounds; round++) {
    const asked = Array.from({ length: questions }, (_, i) => records[(round * questions + i) % records.length])
    for (let turn = 0; turn < contenders.length; turn++) {
      const index = (turn + round) % contenders.length
      let tokens = 0
      let seconds = 0
      for (const record of asked) {
        signal?.throwIfAborted()
        const answer = await contenders[index].answer(record)
        tokens += answer.tokens
        seconds += answer.seconds
        onAnswer?.()
      }
      rates[index].push(tokens / Math.max(seconds, 1e-9))
    }
  }
  return rates.map((rate) => ({
    tokensPerSecond: spreadOf(rate),
    ratio: spreadOf(rate.map((value, round) => value / rates[0][round])),
    rounds,
  }))
}
