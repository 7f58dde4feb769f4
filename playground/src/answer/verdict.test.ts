import { expect, test } from "vitest"
import { verdict } from "./verdict.js"

const slow = { tokens_per_second: 100, nfe_per_token: 1 }
const fast = { tokens_per_second: 234, nfe_per_token: 0.333 }

test("the faster one is told of, whichever side it stands on", () => {
  expect(verdict(slow, fast)).toBe("Right is 2.3 times as fast as left, with 0.33 times the forwards per token.")
  expect(verdict(fast, slow)).toBe("Left is 2.3 times as fast as right, with 0.33 times the forwards per token.")
})

test("nothing is said of what is not known or is no speed", () => {
  expect(verdict(undefined, fast)).toBeUndefined()
  expect(verdict({ ...slow, tokens_per_second: 0 }, fast)).toBeUndefined()
})
