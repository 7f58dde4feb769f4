import { expect, test } from "vitest"
import type { EmojiRecord } from "./data/records.js"
import type { Answer } from "./evaluate.js"
import { measureSpeeds } from "./speed.js"

const records = Array.from({ length: 6 }, (_, i) => ({ id: String(i) })) as EmojiRecord[]

/** A machine that gets slower and slower, and models that need so many seconds per token on a quiet one. */
function machine(slowdown: (answers: number) => number) {
  let answers = 0
  const asked: string[] = []
  const model = (name: string, secondsPerToken: number) => ({
    answer: async ({ id }: EmojiRecord): Promise<Answer> => {
      asked.push(`${name}${id}`)
      return { text: "", tokens: 10, forwards: 10, seconds: 10 * secondsPerToken * slowdown(answers++) }
    },
  })
  return { model, asked }
}

test("on a machine whose load changes a hundredfold the ratio is that of the models", async () => {
  const { model } = machine((n) => 1.02 ** n)
  const [control, fast] = await measureSpeeds([model("a", 0.002), model("b", 0.001)], records, {
    rounds: 60,
    questions: 4,
  })
  expect(control.ratio).toEqual({ median: 1, low: 1, high: 1 })
  expect(fast.ratio.median).toBeGreaterThan(1.8)
  expect(fast.ratio.median).toBeLessThan(2.2)
  // The speeds themselves scatter, and say so.
  expect(control.tokensPerSecond.high / control.tokensPerSecond.low).toBeGreaterThan(5)
})

test("all answer the same questions, in turns, in an order that changes", async () => {
  const { model, asked } = machine(() => 1)
  const [, same] = await measureSpeeds([model("a", 0.001), model("b", 0.001)], records, { rounds: 2, questions: 2 })
  expect(asked).toEqual(["a0", "b0", "a0", "a1", "b0", "b1", "b2", "b3", "a2", "a3"])
  expect(same.ratio).toEqual({ median: 1, low: 1, high: 1 })
})

test("stops when it is told to", async () => {
  const { model } = machine(() => 1)
  await expect(
    measureSpeeds([model("a", 1)], records, { rounds: 1, questions: 1, signal: AbortSignal.abort(new Error("stop")) }),
  ).rejects.toThrow("stop")
})
