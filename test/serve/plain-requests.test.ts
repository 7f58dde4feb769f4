/** A real server, asked by curl and by requests that are made by hand. */

import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { eventsOf, type SmallServer, startSmallServer } from "../support/small-server.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-plain-"))
let server: SmallServer

beforeAll(async () => {
  const runs = join(folder, "runs")
  mkdirSync(join(runs, "first"), { recursive: true })
  writeFileSync(join(runs, "first", "metrics.jsonl"), '{"step":1,"loss":2}\n{"step":2,"loss":1}\n{"st')
  for (const name of ["secret", "metrics.jsonl"]) writeFileSync(join(folder, name), "secret")
  server = await startSmallServer(folder, { apiKeys: ["key"], runs, imageRoot: runs })
})
afterAll(async () => {
  await server?.close()
  rmSync(folder, { recursive: true })
})

const ask = (body: object | string, { path = "/v1/chat/completions", headers = {} } = {}) =>
  fetch(server.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: "Bearer key", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  })
const messages = [{ role: "user" as const, content: "What is it?" }]

describe("curl and plain requests", () => {
  it("curl streams", async () => {
    const body = JSON.stringify({ model: "bd", messages, max_tokens: 5, stream: true })
    const { stdout } = await promisify(execFile)("curl", [
      "-sN",
      `${server.url}/v1/chat/completions`,
      "-H",
      "authorization: Bearer key",
      "--json",
      body,
    ])
    const events = eventsOf(stdout)
    expect(events.at(-1)).toEqual({ data: "[DONE]" })
    expect(JSON.parse(events[0].data).choices[0].delta).toEqual({ role: "assistant", content: "" })
  })

  it("drafts and commits stand between the chunks that come without them", async () => {
    const body = { model: "bd", messages, max_tokens: 9, stream: true }
    const plain = eventsOf(await (await ask(body)).text())
    const events = eventsOf(await (await ask({ ...body, diffusion: { events: true } })).text())
    const stripped = ({ data }: { data: string }) => (data === "[DONE]" ? data : JSON.parse(data).choices)
    expect(events.filter(({ event }) => event === undefined).map(stripped)).toEqual(plain.map(stripped))
    const text = plain.map((one) => stripped(one)[0]?.delta?.content ?? "").join("")
    const commits = events.filter(({ event }) => event === "commit").map(({ data }) => JSON.parse(data))
    expect(commits.map((commit) => commit.text).join("")).toBe(text)
    expect(new Set(events.map(({ event }) => event))).toEqual(new Set([undefined, "draft", "commit"]))
  })

  it.each([
    ["no JSON", "{", 400],
    ["another type", "[]", 400],
    ["no UTF-8", "\ud800", 400],
    ["deep", `{"messages":${"[".repeat(10_000)}${"]".repeat(10_000)}}`, 400],
    ["too large", `{"x":"${"x".repeat(17 * 2 ** 20)}"}`, 413],
    ["too much text", `{"x":[${`"${"x".repeat(60_000)}",`.repeat(100)}""]}`, 413],
  ])("refuses %s in a sentence", async (_, body, status) => {
    const response = await ask(body)
    expect(response.status).toBe(status)
    expect(((await response.json()) as { error: { message: string } }).error.message).toMatch(/\w{3,} \w+/)
  })

  it("refuses other names, other pages, other places of pictures, and strangers", async () => {
    const status = async (headers: Record<string, string>) => {
      const url = new URL(server.url)
      const { request } = await import("node:http")
      return new Promise<number | undefined>((done) => {
        request({ port: url.port, path: "/v1/models", headers }, (response) => done(response.resume().statusCode)).end()
      })
    }
    const authorization = "Bearer key"
    expect(await status({ authorization, host: "attacker.example" })).toBe(421)
    expect(await status({ authorization, host: "localhost" })).toBe(200)
    expect(await status({ authorization, origin: "https://attacker.example" })).toBe(403)
    expect(await status({})).toBe(401)
    expect(await status({ "x-api-key": "key" })).toBe(200)
    const look = async (url: string) => {
      const response = await ask({
        model: "bd",
        messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }],
      })
      return ((await response.json()) as { error: { code: string } }).error.code
    }
    expect(await look("http://127.0.0.1/x.png")).toBe("remote_images_not_allowed")
    expect(await look(`file://${folder}/secret`)).toBe("image_not_available")
    expect(await look("file:///etc/passwd")).toBe("image_not_available")
  })

  it("does not so much as parse a picture of another format", async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="9" height="9"/></svg>'
    const url = `data:image/png;base64,${Buffer.from(svg).toString("base64")}`
    const content = [{ type: "image_url", image_url: { url } }]
    const response = await ask({ model: "bd", messages: [{ role: "user", content }] })
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining("unsupported image format")])
  })

  it("shows trainings as they grow, numbers, and how it is", async () => {
    const headers = { authorization: "Bearer key" }
    const runs = await (await fetch(`${server.url}/runs`, { headers })).json()
    expect(runs).toMatchObject([{ name: "first", steps: 2, report: false }])
    const metrics = async (from: number) =>
      (await fetch(`${server.url}/runs/first/metrics?from=${from}`, { headers })).text()
    expect(await metrics(0)).toBe('{"step":1,"loss":2}\n{"step":2,"loss":1}\n')
    expect(await metrics(20)).toBe('{"step":2,"loss":1}\n')
    for (const path of ["/runs/..%2F/metrics", "/runs/none/metrics", "/runs/first/report.html"])
      expect((await fetch(server.url + path, { headers })).status).toBe(404)
    expect(await (await fetch(`${server.url}/metrics`, { headers })).text()).toMatch(
      /diffusionvl_requests_total\{route="\/v1\/chat\/completions",status="200"\} \d/,
    )
    expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({ status: "ready", running: 0 })
  })

  it("logs a line for each request, without what was said", () => {
    const lines = server.log.filter(({ event, status }) => event === "request" && status === 200)
    expect(lines.length).toBeGreaterThan(2)
    expect(lines.find(({ stream }) => stream)).toMatchObject({
      tokens: expect.any(Number),
      forwards: expect.any(Number),
      queueMs: expect.any(Number),
    })
    expect(JSON.stringify(server.log)).not.toContain("What is it")
  })
})
