import fc from "fast-check"
import { expect, it } from "vitest"
import { type ServerSentEvent, serverSentEvents } from "./server-sent.js"

async function read(bytes: Uint8Array, cuts: readonly number[]): Promise<ServerSentEvent[]> {
  const places = [0, ...[...cuts].sort((a, b) => a - b).filter((cut) => cut < bytes.length), bytes.length]
  async function* pieces() {
    for (const [i, end] of places.slice(1).entries()) yield bytes.subarray(places[i], end)
  }
  const events: ServerSentEvent[] = []
  for await (const event of serverSentEvents(pieces())) events.push(event)
  return events
}

it("reads events however their bytes are cut", async () => {
  const text =
    ': still here\n\ndata: {"a":"é🐕"}\n\nevent: draft\ndata: {"b":1}\n\ndata: one\ndata: two\n\ndata: [DONE]\n\n'
  const whole = [{ data: '{"a":"é🐕"}' }, { event: "draft", data: '{"b":1}' }, { data: "one\ntwo" }, { data: "[DONE]" }]
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(120)), fc.boolean(), async (cuts, windows) => {
      const bytes = new TextEncoder().encode(windows ? text.replaceAll("\n", "\r\n") : text)
      expect(await read(bytes, cuts)).toEqual(whole)
    }),
  )
})
