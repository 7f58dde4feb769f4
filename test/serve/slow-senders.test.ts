/** Clients that begin a request and do not go on. */

import { mkdtempSync, rmSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, afterEach, expect, it } from "vitest"
import { type SmallServer, startSmallServer, until } from "../support/small-server.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-senders-"))
const sockets: Socket[] = []
let server: SmallServer | undefined
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await server?.close()
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Sends a part of a request; what comes back. */
function begin(url: string): { received: Promise<string> } {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  sockets.push(socket)
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{"model":`,
  )
  return {
    received: new Promise((done) => {
      let text = ""
      socket.on("data", (bytes) => (text += bytes))
      socket.on("close", () => done(text))
      socket.on("error", () => {})
    }),
  }
}

it("hold no place, and are told after a while that they are late", async () => {
  server = await startSmallServer(folder, { limits: { concurrent: 1, queue: 1, bodyMs: 6000 } })
  const { url } = server
  const late = Array.from({ length: 5 }, () => begin(url))
  const metrics = async () => (await fetch(`${url}/metrics`)).text()
  await until(async () => /^diffusionvl_bodies 5$/m.test(await metrics()))
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "bd", messages: [{ role: "user", content: "What?" }], max_tokens: 2 }),
  })
  expect(answer.status).toBe(200)
  for (const { received } of late) expect(await received).toMatch(/^HTTP\/1\.1 408 [\s\S]*within 6 seconds/)
  expect(await metrics()).toMatch(/^diffusionvl_bodies 0$/m)
  expect(await metrics()).toMatch(/^diffusionvl_body_bytes 0$/m)
}, 120_000)

it("do not hold up a server that ends", async () => {
  server = await startSmallServer(folder, { graceMs: 300 }, false)
  const { received } = begin(server.url)
  await until(() => server!.counts.requests === 1)
  await server.close()
  // Not 408: the server did not wait for the time that a body has.
  expect(await received).toMatch(/^HTTP\/1\.1 503 [\s\S]*server_ending/)
}, 60_000)
