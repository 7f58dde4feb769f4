/** A hub that cannot be reached is tried for a while, and then believed to be away for a while. */

import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { expect, it } from "vitest"
import { HubUnreachable, requestText } from "./request.js"

it("is asked once by what comes next, and as ever when it is back", async () => {
  const server = createServer((_, response) => response.end("here"))
  const listen = (port: number) => new Promise<void>((done) => server.listen(port, "127.0.0.1", done))
  await listen(0)
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))

  const endpoint = `http://127.0.0.1:${port}`
  let retries = 0
  const settings = { endpoint, cache: "", offline: false }
  const ask = () =>
    requestText(endpoint, 100, { settings, subject: "a/b", tries: 3, retryDelayMs: 1, onRetry: () => retries++ })
  await expect(ask()).rejects.toThrow(HubUnreachable)
  expect(retries).toBe(2)
  await expect(ask()).rejects.toThrow(HubUnreachable)
  expect(retries).toBe(2)

  await listen(port)
  expect((await ask()).text).toBe("here")
  await new Promise((done) => {
    server.close(done)
    server.closeAllConnections()
  })
  await expect(ask()).rejects.toThrow(HubUnreachable)
  expect(retries).toBe(4)
})
