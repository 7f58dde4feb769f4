import { describe, expect, it } from "vitest"
import { FullSequence } from "./sequence.js"

const MASK = 9
const make = (stop: number[][] = [], eos: number[] = []): FullSequence =>
  new FullSequence({ promptLength: 2, genLength: 5, maskToken: MASK, eos, stop })
const write = (sequence: FullSequence, answer: (number | undefined)[]): FullSequence => {
  answer.forEach((id, i) => {
    if (id !== undefined) sequence.fix(2 + i, id)
  })
  return sequence
}

describe("the sequence under full diffusion", () => {
  it("is masked behind the prompt, and stays so where the mask is predicted", () => {
    const sequence = write(make(), [4, undefined, MASK])
    expect(sequence.length).toBe(7)
    expect([...sequence.maskedIn(0, 7)]).toEqual([3, 4, 5, 6])
    expect([...sequence.answer()]).toEqual([4, MASK, MASK, MASK, MASK])
    expect([...sequence.withoutPrompt()]).toEqual([MASK, MASK, 4, MASK, MASK, MASK, MASK])
  })

  it("finds the first of its stop sequences among what is final", () => {
    expect(make([[MASK]]).stopPosition()).toBeUndefined()
    expect(write(make([[5, 6]]), [1, 5, undefined, 5, 6]).stopPosition()).toBe(5)
    expect(write(make([[5, 6], [3]]), [undefined, 5, 6, 3]).stopPosition()).toBe(3)
    expect(write(make([[]]), [1]).stopPosition()).toBeUndefined()
    expect(write(make([[6, 7]]), [1, 2, 3, 4, 6]).stopPosition()).toBeUndefined()
    expect([...write(make([[5, 6]]), [1, 2, 5, 6]).answer()]).toEqual([1, 2])
  })

  it("is ended when an end token is final and everything before it", () => {
    expect(write(make([], [7]), [1, undefined, 7]).isEnded()).toBe(false)
    expect(write(make([], [7]), [1, 2, 7]).isEnded()).toBe(true)
    expect(write(make([], [7]), [1, 2, 3, 4, 5]).isEnded()).toBe(false)
    expect(write(make([], [7, 8]), [1, 8, 7]).eosIndex()).toBe(1)
    expect(write(make([[2]], [7]), [1, 2, 7]).eosIndex()).toBeUndefined()
  })
})
