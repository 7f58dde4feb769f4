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

it("refuses what would take long to read, soon", () => {
  const MOST = 4 * 2 ** 20
  const refused = (text: string | Buffer) => () => liftLongStrings(Buffer.from(text as string))
  for (const much of ['"', " ", '"" ', `"${'\\"'.repeat(8)}"`]) {
    const text = much.repeat(Math.ceil(MOST / much.length) + 1)
    expect(refused(text), much).toThrow(/4194304 bytes at most/)
    expect(refused(text.slice(0, MOST / 2)), much).not.toThrow()
  }
  expect(refused(`"${'\\"'.repeat(MOST)}`)).toThrow(/bytes at most/)
  expect(refused(`["${LONG.repeat(60)}\\n"]`)).toThrow(/bytes at most/)
  expect(refused(`["${LONG.repeat(60)}"]`)).not.toThrow()
  for (const many of ["[", "[],", '{"a":', '"",', "1,"]) {
    expect(refused(many.repeat(70_000)), many).toThrow(/more than 65536 values/)
    expect(refused(many.repeat(30_000)), many).not.toThrow()
  }
  expect(refused(JSON.stringify({ text: "[1, {2}]".repeat(100_000) }))).not.toThrow()
})
