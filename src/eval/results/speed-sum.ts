/** How fast answers were given. */

import type { KeptAnswer } from "../run/kept-answer.js"
import { tokensPerSecond } from "../task/speed.js"
import type { Speed } from "./task-result.js"

export class SpeedSum {
  readonly #sum = { tokens: 0, seconds: 0, forwards: 0, ended: 0, answers: 0 }

  add({ tokens, seconds, forwards, ended }: KeptAnswer): void {
    this.#sum.tokens += tokens
    this.#sum.seconds += seconds
    this.#sum.forwards += forwards
    this.#sum.ended += Number(ended)
    this.#sum.answers++
  }

  get result(): Speed {
    const { tokens, seconds, forwards, ended, answers } = this.#sum
    return {
      tokens,
      seconds,
      tokensPerSecond: tokensPerSecond({ tokens, seconds }).total,
      ...(forwards > 0 && tokens > 0 && { forwardsPerToken: forwards / tokens }),
      ended: ended / Math.max(1, answers),
    }
  }
}
