/**
 * A real server, asked by OpenAI's Python client: where DIFFUSIONVL_PYTHON (or python3) is a Python that has it. What it asks and gets:
 * openai_client.py.
 */

import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { expect } from "vitest"
import { needs } from "../support/needs.js"
import { collect } from "../support/program.js"
import { startSmallServer, until } from "../support/small-server.js"

const PYTHON = process.env.DIFFUSIONVL_PYTHON ?? "python3"
const found = spawnSync(PYTHON, ["-c", "import openai, pydantic"]).status === 0
const picture = resolve(import.meta.dirname, "../../examples/pictures/panda.png")

needs(found, "a Python with openai: DIFFUSIONVL_PYTHON").it("OpenAI's Python client", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dvl-python-"))
  const server = await startSmallServer(folder, { apiKeys: ["key"] })
  try {
    const program = join(import.meta.dirname, "openai_client.py")
    const { code, out, err } = await collect(spawn(PYTHON, [program, server.url, picture])).result
    expect(`${code} ${err}`).toBe("0 ")
    const got = JSON.parse(out)
    expect(got).toMatchObject({ models: ["ar", "bd"], model: "bd" })

    expect(got.streamed).toEqual(got.whole)
    expect(got.whole.ar.text).not.toBe("")
    for (const { reasons, tokens } of Object.values<{ reasons: string[]; tokens: number }>(got.whole)) {
      expect(reasons).toEqual([expect.stringMatching(/^(stop|length)$/)])
      expect(tokens).toBeLessThanOrEqual(10)
    }
    expect(got.promptTokens.picture).toBeGreaterThan(got.promptTokens.text + 5)
    expect(got.logs).toHaveLength(2)
    for (const [token, logprob, top] of got.logs.flat()) {
      expect(token).toEqual(expect.any(String))
      expect(logprob).toBeLessThanOrEqual(0)
      expect(top).toBe(2)
    }
    const { whole, stop, text, reason } = got.stopped
    expect({ text, reason }).toEqual({ text: whole.slice(0, whole.indexOf(stop)), reason: "stop" })
    expect(got.continued.listed).toBe(got.continued.tokens)

    expect(["red", "blue"]).toContain(got.schema.colour)
    for (const model of ["ar", "bd"]) expect(got.parsed[model]).toEqual({ isThing: true, reason: "stop" })
    expect(got.parsedStream).toMatchObject({
      isThing: true,
      kinds: expect.arrayContaining(["content.delta", "content.done"]),
    })

    expect(got.failures).toEqual([
      { type: "AuthenticationError", status: 401, code: "invalid_api_key", param: null },
      { type: "NotFoundError", status: 404, code: "model_not_found", param: "model" },
      { type: "BadRequestError", status: 400, code: null, param: "temperature" },
      { type: "BadRequestError", status: 400, code: "unsupported_parameter", param: "tools" },
      { type: "BadRequestError", status: 400, code: null, param: "frobnicate" },
      { type: "BadRequestError", status: 400, code: null, param: "messages" },
    ])
    expect(got.asynchronous).toEqual({ texts: Array(4).fill(got.whole.ar.text), wasCancelled: true })
    // Those that left, one in the middle of a stream and one before an answer.
    await until(() => server.counts.requests === 0)
    expect(server.log.filter(({ status }) => status === 499)).toHaveLength(2)
  } finally {
    await server.close()
    rmSync(folder, { recursive: true })
  }
})
