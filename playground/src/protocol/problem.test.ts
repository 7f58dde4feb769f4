import { expect, test } from "vitest"
import { problemOf, problemOfResponse, RequestFailed, UNREACHABLE } from "./problem.js"

const said = (message: string, status: number, headers = {}): Response =>
  new Response(JSON.stringify({ error: { message, type: "invalid_request_error", code: null } }), { status, headers })

test("each status has its sentence and its way on", async () => {
  expect(await problemOfResponse(said("no", 401))).toMatchObject({ way: "key" })
  expect(await problemOfResponse(said("The body is above 20 MB.", 413))).toEqual({
    what: "The body is above 20 MB.",
    way: "pictures",
  })
  expect(await problemOfResponse(said("The queue is full.", 429, { "retry-after": "2.5" }))).toEqual({
    what: "The queue is full.",
    after: 3,
  })
  expect(await problemOfResponse(said("The queue is full.", 429))).toEqual({ what: "The queue is full." })
  expect(await problemOfResponse(said("steps must be at least 1", 400))).toEqual({
    what: "Steps must be at least 1.",
    way: "settings",
  })
})

test("a body that is no error of the server's does not reach the reader", async () => {
  const { what } = await problemOfResponse(new Response("<html>Bad gateway</html>", { status: 502 }))
  expect(what).toBe("The server answered with status 502 and no explanation.")
  const { what: other } = await problemOfResponse(new Response('{"error":{"message":7}}', { status: 500 }))
  expect(other).toContain("status 500")
})

test("what was thrown", () => {
  expect(problemOf(new TypeError("Failed to fetch"))).toBe(UNREACHABLE)
  expect(problemOf(new RequestFailed({ what: "No." }))).toEqual({ what: "No." })
  expect(problemOf("x").what).toContain("x")
})
