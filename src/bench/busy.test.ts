import { expect, it } from "vitest"
import { compare } from "./busy.js"

it("compares within rounds, and leaves out those that a slow side did not run", () => {
  const rows = compare(
    "case",
    new Map([
      ["policy", { idle: [10, 20, 10], busy: [20, 30, 40] }],
      ["OpenMP's default", { idle: [10, 40, Number.NaN], busy: [200, Number.NaN, Number.NaN] }],
    ]),
  )
  expect(rows).toEqual([
    {
      what: "case, policy",
      idle: 10,
      busy: 30,
      slowdown: 2,
      least: 1.5,
      most: 4,
      againstDefaultIdle: 1.5,
      againstDefaultBusy: 10,
    },
    { what: "case, OpenMP's default", idle: 25, busy: 200, slowdown: 20, least: 20, most: 20 },
  ])
})
