/** A few rounds of every fuzzer, always the same ones; `npm run fuzz -- --minutes N` runs new ones. */

import { expect, it } from "vitest"
import { describe as tell } from "./main.js"
import { runFuzzers } from "./runner.js"
import { TARGETS } from "./targets/index.js"

const ROUNDS = 8

it("what comes from outside is used or refused in a sentence: no crash, no hang, no gigabyte, no raw message", async () => {
  const perRound = TARGETS.reduce((sum, { share }) => sum + share, 0)
  const targets = TARGETS.map(({ name }) => name)
  const { findings, tallies } = await runFuzzers({ seed: 1, targets, cases: ROUNDS * perRound })
  expect(findings.map(tell).join("\n\n")).toBe("")
  // A fuzzer whose inputs are all accepted or all refused looks at nothing.
  const seen = targets.filter((name) => tallies.get(name)?.accepted && tallies.get(name)?.refused)
  expect(seen).toEqual(targets)
}, 600_000)
