import fc from "fast-check"
import { expect, it } from "vitest"
import { firstFit } from "./packing.js"

it("puts every item into one row that holds it", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), fc.nat(40), (lengths, extra) => {
      const capacity = Math.max(...lengths) + extra
      const rows = firstFit(lengths, capacity)
      expect(rows.flat().sort((a, b) => a - b)).toEqual([...lengths.keys()])
      for (const items of rows)
        expect(items.reduce((sum, item) => sum + lengths[item], 0)).toBeLessThanOrEqual(capacity)
      // Two rows that are half empty would have been one.
      const used = rows.map((items) => items.reduce((sum, item) => sum + lengths[item], 0))
      expect(used.filter((n) => 2 * n <= capacity).length).toBeLessThanOrEqual(1)
    }),
  )
})
