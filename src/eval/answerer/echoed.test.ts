/** Likelihoods that a server tells: an imitation of one whose tokens and log-probabilities are known here. */

import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import type { Reply } from "./answerer.js"
import { RemoteAnswerer } from "./remote.js"

interface Imitation {
  /** Tokens of a text. @default words with the space before them */
  tokens?: (text: string) => string[]
  /** Before every text. */
  begin?: string
  /** Tokens that are generated, whatever was asked for. @default 1 */
  generated?: number
  usage?: boolean
  /** Of a token that is not told. */
  untold?: string
  answer?: (attempt: number) => { status: number; body: unknown } | undefined
}

const words = (text: string): string[] => text.match(/ ?\w+|\W/g) ?? []
/** log p of a token given those before it: any number that both sides know. */
const logOf = (tokens: readonly string[], i: number): number =>
  -(
    ([...tokens.slice(0, i + 1).join("")].reduce((hash, char) => (31 * hash + char.charCodeAt(0)) % 9973, 7) % 500) +
    1
  ) / 64

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function asking(
  imitation: Imitation = {},
): Promise<{ answerer: RemoteAnswerer; sent: Record<string, unknown>[] }> {
  const { tokens = words, begin, generated = 1, usage = true, untold, answer } = imitation
  const sent: Record<string, unknown>[] = []
  server = createServer(async (request, response) => {
    if (request.url === "/v1/models") return response.end(JSON.stringify({ data: [{ id: "a" }] }))
    let text = ""
    for await (const piece of request) text += piece
    const body = JSON.parse(text) as { prompt: string }
    sent.push({ url: request.url, ...body })
    const other = answer?.(sent.length)
    if (other) {
      response.writeHead(other.status, { "retry-after": "0" })
      return response.end(typeof other.body === "string" ? other.body : JSON.stringify(other.body))
    }
    const own = [...(begin === undefined ? [] : [begin]), ...tokens(body.prompt)]
    const all = [...own, ...Array<string>(generated).fill("!")]
    const logs = all.map((token, i) => (i === 0 || token === untold ? null : logOf(all, i)))
    const logprobs = { tokens: all, token_logprobs: logs, text_offset: [], top_logprobs: [] }
    const counts = { prompt_tokens: own.length, completion_tokens: generated }
    response.end(JSON.stringify({ choices: [{ text: all.join(""), logprobs }], ...(usage && { usage: counts }) }))
  })
  await new Promise<void>((done) => server!.listen(0, "127.0.0.1", done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { answerer: await RemoteAnswerer.open(url, { attempts: 3 }), sent }
}

const decoding = { maxTokens: 8 }
const asked = { context: "The sky is", pictures: [], plain: true, choices: [" blue", " made of cheese", " é"] }

describe("how likely choices are, told by a server", () => {
  it.each<[string, Imitation]>([
    ["as vLLM tells it", {}],
    ["without usage", { usage: false }],
    ["with a token before every text", { begin: "<s>" }],
    ["with two tokens behind", { generated: 2 }],
  ])("is the sum over their own tokens, %s", async (_, imitation) => {
    const { answerer, sent } = await asking(imitation)
    const reply = (await answerer.answer(asked, { decoding })) as Reply
    const begin = imitation.begin === undefined ? [] : [imitation.begin]
    const context = [...begin, ...words(asked.context)]
    const expected = asked.choices.map((choice) => {
      const whole = [...begin, ...words(asked.context + choice)]
      const own = whole.slice(context.length).map((_, i) => logOf(whole, context.length + i))
      return { sum: own.reduce((sum, log) => sum + log, 0), tokens: own.length }
    })
    expect(reply.likelihoods).toEqual(
      expected.map(({ sum, tokens }, i) => ({
        logLikelihood: expect.closeTo(sum, 9),
        tokens,
        bytes: Buffer.byteLength(asked.choices[i]),
      })),
    )
    const sums = expected.map(({ sum }) => sum)
    expect(reply.raw).toBe(asked.choices[sums.indexOf(Math.max(...sums))])
    expect(sent.map(({ url }) => url)).toEqual(Array(5).fill("/v1/completions"))
    expect(sent[1]).toEqual({
      ...{ url: "/v1/completions", model: "a", prompt: "The sky is" },
      ...{ echo: true, logprobs: 1, max_tokens: 1, temperature: 0 },
    })
    await answerer.answer(asked, { decoding })
    expect(sent.map(({ prompt }) => prompt).filter((prompt) => prompt === sent[0].prompt)).toHaveLength(1)
  })

  it("is the whole text's less that of the context, where a token lies across them", async () => {
    const merged = (text: string): string[] => text.match(/ is blue| ?\w+|\W/g) ?? []
    const { answerer } = await asking({ tokens: merged })
    const { likelihoods } = (await answerer.answer(asked, { decoding })) as Reply
    const [context, whole] = [merged(asked.context), merged("The sky is blue")]
    expect([context.at(-1), whole.at(-1)]).toEqual([" is", " is blue"])
    const from = (tokens: string[]): number => tokens.slice(2).reduce((sum, _, i) => sum + logOf(tokens, 2 + i), 0)
    expect(likelihoods![0].logLikelihood).toBeCloseTo(from(whole) - from(context), 9)
    expect(likelihoods![0].tokens).toBe(whole.length - 2)
  })

  it("is asked again of a server that is busy, and is a document's trouble where it cannot be told", async () => {
    const busy = await asking({
      answer: (attempt) => (attempt === 1 || attempt === 4 ? { status: 429, body: {} } : undefined),
    })
    expect(await busy.answerer.answer(asked, { decoding })).toHaveProperty("likelihoods")
    server?.close()
    const silent = await asking({ untold: " cheese" })
    expect(await silent.answerer.answer(asked, { decoding })).toEqual({
      failed: expect.stringMatching(/one of the tokens/),
    })
    expect(await silent.answerer.answer({ ...asked, context: "" }, { decoding })).toHaveProperty("failed")
    server?.close()
    const long = await asking({
      answer: (attempt) => (attempt > 1 ? { status: 400, body: { error: { message: "too long" } } } : undefined),
    })
    expect(await long.answerer.answer(asked, { decoding })).toEqual({ failed: "too long" })
  })

  it.each([
    ["echo is not supported", { status: 400, body: { error: { message: "echo is not supported" } } }],
    ["status 404", { status: 404, body: "<html>" }],
    ["tells no log-probabilities", { status: 200, body: { choices: [{ text: "One two", logprobs: null }] } }],
    ["tells no log-probabilities", { status: 200, body: "<html>" }],
    [
      "does not tell the prompt again",
      {
        status: 200,
        body: {
          choices: [{ logprobs: { tokens: ["!"], token_logprobs: [-1] } }],
          usage: { completion_tokens: 1 },
        },
      },
    ],
  ])("ends the run where the server cannot tell it: %s", async (sentence, reply) => {
    const { answerer } = await asking({ answer: () => reply })
    await expect(answerer.answer(asked, { decoding })).rejects.toThrow(
      new RegExp(`cannot be asked how likely given answers are: .*${sentence}`),
    )
  })

  it("lets nobody in whom the server does not", async () => {
    const { answerer } = await asking({ answer: () => ({ status: 401, body: { error: { message: "no key" } } }) })
    await expect(answerer.answer(asked, { decoding })).rejects.toThrow(/^no key/)
  })
})
