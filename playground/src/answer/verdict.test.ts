import { expect, test } from "vitest"
import { verdict } from "./verdict.js"

test("ratios of the second to the first", () => {
  const first = { tokens_per_second: 100, nfe_per_token: 1 }
  expect(verdict(first, { tokens_per_second: 234, nfe_per_token: 0.333 })).toBe(
    "Right against left: 2.3 times the tokens per second, 0.33 times the forwards per token.",
  )
})

test("nothing is said of what is not known or is no speed", () => {
  expect(verdict(undefined, { tokens_per_second: 1, nfe_per_token: 1 })).toBeUndefined()
  expect(
    verdict({ tokens_per_second: 0, nfe_per_token: 1 }, { tokens_per_second: 1, nfe_per_token: 1 }),
  ).toBeUndefined()
})
