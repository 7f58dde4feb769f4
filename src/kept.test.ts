import { expect, it } from "vitest"
import { Kept } from "./kept.js"

it("keeps what fits together, the last used first", () => {
  const kept = new Kept<{ size: number }>(14, ({ size }) => size)
  const keys = (): string => [..."abcd"].filter((key) => kept.get(key) !== undefined).join("")
  const [a, b] = [{ size: 4 }, { size: 4 }]
  kept.set("a", a)
  kept.set("b", b)
  expect(kept.get("a")).toBe(a)
  kept.set("c", { size: 5 })
  expect(keys()).toBe("ac")
  // Grown since: it alone does not fit any more, or the other one no longer beside it.
  a.size = 6
  expect(kept.get("a")).toBe(a)
  expect(keys()).toBe("a")
  // More than fits: only until something else is used.
  a.size = 15
  expect(kept.get("a")).toBe(a)
  kept.set("d", { size: 13 })
  expect(keys()).toBe("d")
  kept.set("b", { size: 20 })
  expect(keys()).toBe("b")
})
