/** A server as an answerer: what it is sent, and what happens when it is busy, away, or refuses. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import sharp from "sharp"
import { afterEach, describe, expect, it } from "vitest"
import { decodeImage } from "../../image/decode.js"
import { RemoteAnswerer, type RemoteOptions } from "./remote.js"

type Handler = (body: Sent, response: ServerResponse, attempt: number) => void
interface Sent {
  model: string
  messages: { content: { type: string; text?: string; image_url?: { url: string } }[] }[]
  [key: string]: unknown
}

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function read(request: IncomingMessage): Promise<string> {
  let text = ""
  for await (const piece of request) text += piece
  return text
}

/** A server of the models a and b, and an answerer that asks it. */
async function asking(
  handle: Handler,
  options: RemoteOptions = {},
): Promise<{ answerer: RemoteAnswerer; keys: unknown[] }> {
  let attempt = 0
  const keys: unknown[] = []
  server = createServer(async (request, response) => {
    keys.push(request.headers.authorization)
    if (request.url === "/v1/models") response.end(JSON.stringify({ data: [{ id: "a" }, { id: "b" }] }))
    else handle(JSON.parse(await read(request)), response, ++attempt)
  })
  await new Promise<void>((done) => server!.listen(0, "127.0.0.1", done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { answerer: await RemoteAnswerer.open(url, options), keys }
}

/** As a server of OpenAI's API streams it, usage at the end. */
function say(response: ServerResponse, text: string, reason = "stop"): void {
  const send = (value: object): unknown => response.write(`data: ${JSON.stringify(value)}\n\n`)
  response.writeHead(200, { "content-type": "text/event-stream" })
  send({ choices: [{ delta: { content: text }, finish_reason: null }] })
  send({ choices: [{ delta: {}, finish_reason: reason }] })
  send({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 4 } })
  response.end("data: [DONE]\n\n")
}

function refuse(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, headers)
  response.end(JSON.stringify({ error: { message: `refused with ${status}` } }))
}

const decoding = { maxTokens: 8, temperature: 0 }
const question = { context: "What?", pictures: [] }

describe("a server", () => {
  it("is sent nothing but what OpenAI's API has, the key, and pictures upright", async () => {
    const sent: Sent[] = []
    const { answerer, keys } = await asking(
      (body, response) => {
        sent.push(body)
        say(response, " B.\n", "length")
      },
      { apiKey: "secret", model: "b" },
    )
    expect(answerer.record).toMatchObject({ name: "b", url: expect.stringContaining("127.0.0.1") })
    const noise = Uint8Array.from({ length: 9 * 6 * 3 }, (_, i) => (i * 7919) % 251)
    const turned = await sharp(noise, { raw: { width: 9, height: 6, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer()
    const bytes = new Uint8Array(turned)
    const pictures = [
      { bytes, name: "a" },
      { bytes, name: "b", upright: false },
    ]
    expect(await answerer.answer({ context: "What?", pictures }, { decoding })).toEqual({
      ...{ raw: " B.\n", tokens: 4, forwards: 0, ended: false },
    })
    const { messages, ...others } = sent[0]
    expect(others).toEqual({
      model: "b",
      max_tokens: 8,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    })
    expect(keys).toEqual(["Bearer secret", "Bearer secret"])
    const shown = messages[0].content.flatMap(({ image_url }) =>
      image_url ? [Buffer.from(image_url.url.split(",")[1], "base64")] : [],
    )
    expect(messages[0].content.at(-1)).toEqual({ type: "text", text: "\nWhat?" })
    for (const [i, upright] of [true, false].entries())
      expect(await decodeImage(shown[i])).toEqual(await decodeImage(bytes, { upright }))
  })

  it("that is busy or goes away is asked again when it says, and given up after so many attempts", async () => {
    const waits: [string, number][] = []
    const onWait = (reason: string, seconds: number): unknown => waits.push([reason, seconds])
    const { answerer } = await asking(
      (_, response, attempt) => {
        if (attempt === 1) refuse(response, 429, { "retry-after": "0.01" })
        else if (attempt === 2) refuse(response, 503, { "retry-after": new Date(Date.now() - 5000).toUTCString() })
        else if (attempt === 3) say(response, "yes")
        else refuse(response, 500, { "retry-after": "0" })
      },
      { onWait, attempts: 4 },
    )
    expect(await answerer.answer(question, { decoding })).toMatchObject({ raw: "yes" })
    expect(waits).toEqual([
      ["refused with 429", 0.01],
      ["refused with 503", 0],
    ])
    expect(await answerer.answer(question, { decoding })).toEqual({ failed: "refused with 500", transient: true })
    expect(waits).toHaveLength(5)
  })

  it("that fails at one document again and again leaves it for the next run; at several in a row, the run ends", async () => {
    let broken = new Set(["bad"])
    const { answerer } = await asking(
      ({ messages }, response) => {
        const text = JSON.stringify(messages)
        if (text.includes("crash")) response.destroy()
        else if ([...broken].some((word) => text.includes(word))) refuse(response, 500, { "retry-after": "0" })
        else say(response, "yes")
      },
      { attempts: 2 },
    )
    const ask = (context: string) => answerer.answer({ context, pictures: [] }, { decoding })
    expect(await ask("crash")).toEqual({ failed: expect.stringMatching(/cannot be reached/), transient: true })
    for (let round = 0; round < 3; round++) {
      expect(await ask("good")).toMatchObject({ raw: "yes" })
      expect(await ask("bad")).toEqual({ failed: "refused with 500", transient: true })
      expect(await ask("good")).toMatchObject({ raw: "yes" })
    }
    broken = new Set(["good", "bad"])
    for (let i = 0; i < 2; i++) expect(await ask("good")).toMatchObject({ transient: true })
    await expect(ask("good")).rejects.toMatchObject({
      message: "refused with 500 (2 attempts)",
      fix: expect.stringMatching(/goes on from here/),
    })
  })

  it("that refuses all documents in the same words is no trouble of documents", async () => {
    const refusing = await asking((_, response) => refuse(response, 400))
    const ask = () => refusing.answerer.answer(question, { decoding })
    for (let i = 0; i < 15; i++) expect(await ask()).toEqual({ failed: "refused with 400" })
    await expect(ask()).rejects.toMatchObject({
      message: expect.stringMatching(/answered nothing.*refused with 400/),
      fix: expect.stringMatching(/--retry-failed/),
    })
    server?.close()
    // One that has answered before has its reasons.
    const picky = await asking((_, response, attempt) => (attempt === 3 ? say(response, "yes") : refuse(response, 400)))
    for (let i = 1; i < 40; i++)
      expect(await picky.answerer.answer(question, { decoding })).toMatchObject(
        i === 3 ? { raw: "yes" } : { failed: "refused with 400" },
      )
  })

  it("that sends pages instead of answers is told so", async () => {
    const page = (response: ServerResponse): unknown =>
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end("<html>log in</html>")
    const { answerer } = await asking(
      (_, response, attempt) => (attempt === 1 ? page(response) : say(response, "yes")),
      {
        onWait: (reason) => waits.push(reason),
      },
    )
    const waits: string[] = []
    expect(await answerer.answer(question, { decoding })).toMatchObject({ raw: "yes" })
    expect(waits).toEqual(["the server streams no answer but sends text/html"])
    server?.close()
    for (const list of ["<html>", "[]", '{"data": [{}]}', '{"data": null}']) {
      server = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(list))
      await new Promise<void>((done) => server!.listen(0, "127.0.0.1", done))
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      await expect(RemoteAnswerer.open(url)).rejects.toThrow(/none of OpenAI's lists but text\/html/)
      server.close()
    }
  })

  it("may tell what its model is: another one of the same name has other answers", async () => {
    const said = { fingerprint: "one", ready: false }
    const waits: string[] = []
    let asked = 0
    server = createServer(async (request, response) => {
      if (request.url === "/v1/models") {
        response.end(JSON.stringify({ data: [{ id: "a", diffusion: { ...said, ready: said.ready || asked > 0 } }] }))
        asked++
      } else {
        await read(request)
        if (said.fingerprint === "one") say(response, "yes")
        else refuse(response, 503, { "retry-after": "0" })
      }
    })
    await new Promise<void>((done) => server!.listen(0, "127.0.0.1", done))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const one = await RemoteAnswerer.open(url, { onWait: (reason) => waits.push(reason) })
    expect(waits).toEqual([`${url} loads a`])
    expect(await one.answer(question, { decoding })).toMatchObject({ raw: "yes" })
    said.fingerprint = "two"
    await expect(one.answer(question, { decoding })).rejects.toMatchObject({
      message: "its model a is another one now",
      fix: expect.stringMatching(/same command again/),
    })
    const two = await RemoteAnswerer.open(url)
    expect(two.record.fingerprint).not.toBe(one.record.fingerprint)
  })

  it("may refuse a document, or everything", async () => {
    for (const status of [400, 413, 422]) {
      const { answerer } = await asking((_, response) => refuse(response, status))
      expect(await answerer.answer(question, { decoding })).toEqual({ failed: `refused with ${status}` })
      server?.close()
    }
    for (const status of [401, 403, 404]) {
      const { answerer } = await asking((_, response) => refuse(response, status))
      await expect(answerer.answer(question, { decoding })).rejects.toThrow(`refused with ${status}`)
      server?.close()
    }
    const { answerer } = await asking((_, response) => say(response, "yes"))
    const broken = { bytes: Uint8Array.of(1), name: "cat.png" }
    expect(await answerer.answer({ context: "What?", pictures: [broken] }, { decoding })).toEqual({
      failed: expect.stringMatching(/^cat\.png: /),
    })
    const [image, text] = [{ type: "image" as const }, { type: "text" as const, text: "?" }]
    for (const asked of [
      { context: "<image> <image> <image>", pictures: [broken] },
      { context: "?", pictures: [broken], messages: [{ role: "user" as const, content: [image, image, text] }] },
      { context: "?", pictures: [broken, broken], messages: [{ role: "user" as const, content: [image, text] }] },
    ])
      expect(await answerer.answer(asked, { decoding })).toEqual({
        failed: expect.stringMatching(/has places for \d pictures, and there are \d/),
      })
  })

  it("is waited for no longer than the run lasts", async () => {
    const controller = new AbortController()
    const { answerer } = await asking((_, response) => refuse(response, 429, { "retry-after": "600" }), {
      onWait: () => controller.abort(new Error("stopped")),
    })
    await expect(answerer.answer(question, { decoding, signal: controller.signal })).rejects.toThrow("stopped")
  })
})

it("what cannot be asked of a server is said before it is asked", async () => {
  await expect(RemoteAnswerer.open("http://127.0.0.1:1")).rejects.toThrow(/cannot be reached/)
  await expect(RemoteAnswerer.open("nonsense")).rejects.toThrow(/no address/)
  const { answerer } = await asking((_, response) => say(response, ""))
  await expect(RemoteAnswerer.open(answerer.record.url!, { model: "c" })).rejects.toMatchObject({ fix: "it has a, b" })
  expect(() => answerer.check(decoding, question)).not.toThrow()
  const picture = { bytes: Uint8Array.of(1), name: "a" }
  expect(() => answerer.check(decoding, { ...question, choices: ["a"], plain: true })).not.toThrow()
  expect(() => answerer.check(decoding, { ...question, plain: true })).not.toThrow()
  for (const asked of [
    { ...question, choices: ["a"] },
    { ...question, choices: ["a"], plain: true, pictures: [picture] },
    { ...question, plain: true, pictures: [picture] },
  ])
    expect(() => answerer.check(decoding, asked)).toThrow(/cannot be asked/)
  expect(() => answerer.check({ ...decoding, guidance: 2 }, question)).toThrow(/guidance cannot be asked/)
})
