/** `--separate-caches`: what was kept for one key, or for one of its users, is found by no other. */

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, expect, it } from "vitest"
import { type SmallServer, startSmallServer } from "../support/small-server.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-separate-"))
let server: SmallServer
afterEach(async () => {
  await server?.close()
  rmSync(folder, { recursive: true, force: true })
})

const messages = [{ role: "user", content: "What is it, and which colour does it have?" }]

/** Tokens of the prompt that were known, as the answer says. */
async function known(key: string, changes: object, path: string): Promise<number> {
  const response = await fetch(server.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: "ar", messages, max_tokens: 2, ...changes }),
  })
  expect(response.status).toBe(200)
  const { usage } = (await response.json()) as { usage: Record<string, number> & { prompt_tokens_details?: object } }
  const { cached_tokens: cached } = { ...usage.prompt_tokens_details } as { cached_tokens?: number }
  return cached ?? usage.cache_read_input_tokens
}

const chat = (key: string, changes: object = {}) => known(key, changes, "/v1/chat/completions")
const message = (key: string, changes: object = {}) => known(key, changes, "/v1/messages")

it("keeps keys and users apart", async () => {
  server = await startSmallServer(folder, { apiKeys: ["one", "two"], separateCaches: true })
  for (const changes of [{}, { user: "a" }, { user: "b" }, { prompt_cache_key: "a" }, { safety_identifier: "a" }]) {
    for (const key of ["one", "two"]) {
      expect(await chat(key, changes), `${key}, first`).toBe(0)
      expect(await chat(key, changes), `${key}, again`).toBeGreaterThan(0)
    }
  }
  for (const changes of [{}, { metadata: { user_id: "a" } }, { metadata: { user_id: "b" } }]) {
    expect(await message("one", changes)).toBe(0)
    expect(await message("one", changes)).toBeGreaterThan(0)
    expect(await message("two", changes)).toBe(0)
  }
})

it("is asked for: otherwise everybody finds what anybody asked", async () => {
  server = await startSmallServer(folder, { apiKeys: ["one", "two"] })
  expect(await chat("one", { user: "a" })).toBe(0)
  expect(await chat("two", { user: "b" })).toBeGreaterThan(0)
})
