/** Texts that a server continues for an evaluation are those that its model continues here. */

import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import type { Reply } from "../../src/eval/answerer/answerer.js"
import { RemoteAnswerer } from "../../src/eval/answerer/remote.js"
import { localSubject } from "../../src/eval/answerer/subject.js"
import { writeSmallAnswerers } from "../support/small-answerers.js"
import { startSmallServer } from "../support/small-server.js"

const root = mkdtempSync(join(tmpdir(), "continued-"))
afterAll(() => rmSync(root, { recursive: true }))
const asked = (context: string) => ({ context, pictures: [], plain: true })

it("in both paradigms, with the options that are asked", async () => {
  const server = await startSmallServer(root)
  const folders = await writeSmallAnswerers(root)
  try {
    for (const [model, folder] of [
      ["ar", folders.autoregressive],
      ["bd", folders["block-diffusion"]],
    ]) {
      const remote = await RemoteAnswerer.open(server.url, { model })
      const local = await (await localSubject(folder, { dtype: "float32", device: "cpu" })).open()
      for (const decoding of [
        { maxTokens: 12, temperature: 0 },
        { maxTokens: 6, temperature: 0.8, topK: 5, seed: 3 },
        ...(model === "bd" ? [{ maxTokens: 12, temperature: 0, steps: 2 }] : []),
      ]) {
        for (const text of ["What is", "这是什么 it"]) {
          remote.check(decoding, asked(text))
          const here = (await local.answer(asked(text), { decoding })) as Reply
          expect(here.tokens).toBeGreaterThan(0)
          expect(await remote.answer(asked(text), { decoding })).toEqual(here)
        }
      }
    }
  } finally {
    await server.close()
  }
})

it("what is no completion is the server's trouble, which may pass", async () => {
  const server = createServer((request, response) =>
    response.end(JSON.stringify(request.url === "/v1/models" ? { data: [{ id: "m" }] } : { choices: [{}] })),
  )
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const answerer = await RemoteAnswerer.open(url, { attempts: 1 })
    const decoding = { maxTokens: 4 }
    expect(await answerer.answer(asked("a"), { decoding })).toEqual({
      failed: "the server sends no completion",
      transient: true,
    })
  } finally {
    server.close()
  }
})

it("what is no text alone is a document's trouble, a server without completions everybody's", async () => {
  const sent: string[] = []
  const server = createServer((request, response) => {
    sent.push(request.url ?? "")
    if (request.url === "/v1/models") return response.end(JSON.stringify({ data: [{ id: "m" }] }))
    response.writeHead(404).end("nothing here")
  })
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const answerer = await RemoteAnswerer.open(url, { attempts: 1 })
    const decoding = { maxTokens: 4 }
    const pictures = [{ bytes: Uint8Array.of(1), name: "a" }]
    for (const choices of [undefined, [" a", " b"]]) {
      const of = { ...asked("a"), ...(choices && { choices }) }
      expect(await answerer.answer({ ...of, pictures }, { decoding })).toEqual({
        failed: expect.stringMatching(/no pictures/),
      })
      expect(await answerer.answer({ ...of, context: "" }, { decoding })).toEqual({
        failed: "there is no text to continue",
      })
    }
    expect(sent).not.toContain("/v1/completions")
    await expect(answerer.answer(asked("a"), { decoding })).rejects.toMatchObject({
      message: expect.stringMatching(/cannot be asked to continue a text: .*404/),
      fix: expect.stringMatching(/leave out tasks/),
    })
  } finally {
    server.close()
  }
})
