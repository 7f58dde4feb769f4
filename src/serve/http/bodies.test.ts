import { setImmediate as turn } from "node:timers/promises"
import { expect, it } from "vitest"
import { Bodies } from "./bodies.js"

it("gives out bodies that came together in order, one in each turn of the event loop", async () => {
  const bodies = new Bodies({ bytes: 100, milliseconds: 10_000 })
  const { signal } = new AbortController()
  const given: { text: string; turns: number }[] = []
  let turns = 0
  const texts = ["a", "b", "c", "d"]
  for (const body of texts) {
    const request = new Request("http://localhost/", { method: "POST", body })
    void bodies.read(request, signal).then((bytes) => given.push({ text: Buffer.from(bytes).toString(), turns }))
  }
  for (; given.length < texts.length; turns++) await turn()
  expect(given.map(({ text }) => text)).toEqual(texts)
  expect(new Set(given.map((one) => one.turns)).size).toBe(texts.length)
  expect(bodies.count).toBe(0)
})

it("counts what is held of requests that are answered among what may be under way", async () => {
  const bodies = new Bodies({ bytes: 100, milliseconds: 10_000 })
  const { signal } = new AbortController()
  const read = () => bodies.read(new Request("http://localhost/", { method: "POST", body: "a" }), signal)
  const release = bodies.hold(16 * 100)
  await expect(read()).rejects.toMatchObject({ status: 429, retryAfter: 1 })
  expect(bodies.bytes).toBe(1600)
  release()
  await read()
  expect(bodies.bytes).toBe(0)
})
