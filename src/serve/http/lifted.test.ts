import fc from "fast-check"
import { expect, it } from "vitest"
import { liftLongStrings } from "./lifted.js"

const LONG = "QUJD".repeat(20_000)
const lift = (value: unknown) => liftLongStrings(new TextEncoder().encode(JSON.stringify(value)))

it("takes long strings out and leaves their names", () => {
  const { json, find } = lift({ a: "short", url: `data:image/png;base64,${LONG}`, b: [LONG, "x"] })
  expect(json.length).toBeLessThan(400)
  const parsed = JSON.parse(json)
  expect(parsed.a).toBe("short")
  const name = parsed.url.replace("data:image/png;base64,", "")
  expect(Buffer.from(find(name)!).toString()).toBe(LONG)
  expect(Buffer.from(find(parsed.b[0])!).toString()).toBe(LONG)
  expect(find("lifted:not-the-secret:0")).toBeUndefined()
})

it("changes nothing of any other JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify({ value, escaped: '\\"\\\\"', long: `${LONG}\n"` })
      expect(JSON.parse(liftLongStrings(new TextEncoder().encode(text)).json)).toEqual(JSON.parse(text))
    }),
    { numRuns: 200 },
  )
})

it("comes to an end with text that is no JSON", () => {
  const texts = ['"', '"\\', '{"a', '\\"\\"\\', `"${"\\".repeat(999)}`, ""]
  for (const text of texts) expect(liftLongStrings(new TextEncoder().encode(text)).json).toBe(text)
})
