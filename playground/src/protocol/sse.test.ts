import fc from "fast-check"
import { expect, test } from "vitest"
import { EventParser, type ServerEvent, serverEvents } from "./sse.js"

const STREAM = [
  'data: {"a":1}\n\n',
  ": a comment\n",
  'event: draft\ndata: {"text":"é 🙂"}\n\n',
  "data: two\r\ndata: lines\r\n\r\n",
  "id: 7\nretry: 10\n\n",
  "data:no blank\r\r",
  "data\n\n",
  "data: [DONE]\n\n",
].join("")

const EVENTS: ServerEvent[] = [
  { event: "message", data: '{"a":1}' },
  { event: "draft", data: '{"text":"é 🙂"}' },
  { event: "message", data: "two\nlines" },
  { event: "message", data: "no blank" },
  { event: "message", data: "" },
  { event: "message", data: "[DONE]" },
]

test("events are the same however the stream is cut", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: STREAM.length })), (cuts) => {
      const borders = [0, ...cuts.sort((a, b) => a - b), STREAM.length]
      const parser = new EventParser()
      const events = borders.slice(1).flatMap((end, i) => parser.push(STREAM.slice(borders[i], end)))
      expect(events).toEqual(EVENTS)
    }),
  )
})

test("bytes of one character in two pieces, and an event without an end", async () => {
  const bytes = new TextEncoder().encode("data: 🙂\n\ndata: cut off")
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
      controller.close()
    },
  })
  const events: ServerEvent[] = []
  for await (const event of serverEvents(body)) events.push(event)
  expect(events).toEqual([{ event: "message", data: "🙂" }])
})

test("leaving early cancels the body", async () => {
  let cancelled = false
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\n\n")),
    cancel: () => {
      cancelled = true
    },
  })
  for await (const event of serverEvents(body)) {
    expect(event.data).toBe("1")
    break
  }
  expect(cancelled).toBe(true)
})
