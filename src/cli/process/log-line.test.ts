import { expect, it } from "vitest"
import { logLine } from "./log-line.js"

it("says numbers and words, and leaves out what is not known", () => {
  const entry = { event: "request", path: "/v1/models", status: 200, milliseconds: 1.26, reason: undefined, list: [1] }
  expect(logLine(entry)).toBe("request path=/v1/models status=200 milliseconds=1.3 list=[1]")
})

it("shows what strangers say as text: no new lines, and nothing that a terminal obeys", () => {
  const path = decodeURI("/%1b[2J%0arequest%20path=/x%7f%c2%9b1m%e2%80%ae%e2%80%a8")
  expect(logLine({ event: "request", path })).toBe(
    "request path=/\\u001b[2J\\nrequest path=/x\\u007f\\u009b1m\\u202e\\u2028",
  )
  expect(logLine({ event: "request", prompt: { text: "\x9b\n" } })).toBe('request prompt={"text":"\\u009b\\n"}')
  expect(logLine({ event: "request", reason: "Error: x\x1b\n    at y" })).toBe(
    "request reason=Error: x\\u001b\n    at y",
  )
})
