/** A client of a server, over OpenAI's API with drafts and commits. */

import { isObject } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import type { AnswerFormat } from "../../grammar/format.js"
import { readPicture } from "../../image/file.js"
import { shown } from "../../readable.js"
import { partsOf } from "../../text/message.js"
import type { AskedDecoding } from "../request.js"
import type { Client, ClientEvent, ClientRequest, ClientStatistics, ListedModel } from "./client.js"
import { serverSentEvents } from "./server-sent.js"

export interface RemoteOptions {
  apiKey?: string
  /** Drafts and commits are asked for: other servers than this program's do not know them. @default true */
  events?: boolean
}

/** A server answered that it does not answer this. */
export class ServerRefusal extends UserError {
  /** @param retryAfter seconds that the server asks for before the next attempt */
  constructor(
    what: string,
    readonly status: number,
    readonly retryAfter: number | undefined,
    where: string,
  ) {
    super(what, { where })
  }
}

/** There is no server, or the connection to it broke. */
export class ServerLost extends UserError {}

/** Of a server also what continues a text, as it stands. */
export interface RemoteClient extends Client {
  /** The reply of `/v1/completions`, whatever it is; undefined where it is no JSON. @throws ServerRefusal or ServerLost when there is none */
  complete(body: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<unknown>
}

/** @throws UserError for what is no address of a server */
export function remoteClient(url: string, { apiKey, events: wanted = true }: RemoteOptions = {}): RemoteClient {
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw new UserError(`${shown(url)} is no address of a server`, { fix: "give one such as http://127.0.0.1:8080" })
  const base = url.replace(/\/+$/, "").replace(/\/v1$/, "")
  const headers = {
    "content-type": "application/json",
    ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
  }
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const response = await fetch(base + path, { ...init, headers }).catch((cause: unknown) => {
      init.signal?.throwIfAborted()
      throw new ServerLost("there is no server, or it cannot be reached", { where: base, cause })
    })
    if (response.ok) return response
    throw new ServerRefusal(await sentenceOf(response), response.status, secondsIn(response), base)
  }
  const models = async (): Promise<ListedModel[]> => {
    const response = await ask("/v1/models")
    const body: unknown = await response.json().catch(() => undefined)
    const data = isObject(body) && Array.isArray(body.data) ? body.data : [undefined]
    if (data.every((model) => isObject(model) && typeof model.id === "string"))
      return data.map(({ id, diffusion }) => ({ id, ...diffusion }) as ListedModel)
    throw new UserError(`what it says of its models is none of OpenAI's lists but ${kindOf(response)}`, {
      where: `${base}/v1/models`,
      fix: API_FIX,
    })
  }
  return {
    models,
    async complete(body, signal) {
      const response = await ask("/v1/completions", { method: "POST", body: JSON.stringify(body), signal })
      return response.json().catch((cause: unknown) => {
        signal?.throwIfAborted()
        if (cause instanceof SyntaxError) return undefined
        throw new ServerLost("the connection to the server broke", { where: base, cause })
      })
    },
    async *answer(request) {
      const model = request.model ?? (await models())[0]?.id
      if (model === undefined) throw new UserError("the server has no models", { where: base })
      const body = JSON.stringify(await bodyOf(model, request, wanted))
      const response = await ask("/v1/chat/completions", { method: "POST", body, signal: request.signal })
      if (!/\bevent-stream\b/.test(kindOf(response))) {
        await response.body?.cancel()
        throw new ServerLost(`the server streams no answer but sends ${kindOf(response)}`, {
          where: base,
          fix: API_FIX,
        })
      }
      try {
        for await (const event of events(response)) {
          request.signal?.throwIfAborted()
          yield event
        }
      } catch (cause) {
        request.signal?.throwIfAborted()
        throw cause instanceof UserError
          ? cause
          : new ServerLost("the connection to the server broke", { where: base, cause })
      }
    },
  }
}

/** What a request may ask for over HTTP, by its name there. */
const NAMES: Partial<Record<keyof AskedDecoding, string>> = {
  temperature: "temperature",
  topP: "top_p",
  topK: "top_k",
  seed: "seed",
  format: "response_format",
}
const DIFFUSION: Partial<Record<keyof AskedDecoding, string>> = {
  blockSize: "block_size",
  steps: "steps",
  threshold: "threshold",
  strategy: "remasking",
  mode: "mode",
}

/** @throws UserError for options that OpenAI's API, and ours beside it, has no words for */
export function decodingFields(
  { maxTokens, stop, ...decoding }: AskedDecoding & Pick<ClientRequest, "maxTokens" | "stop">,
  events = false,
): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  const diffusion: Record<string, unknown> = events ? { events } : {}
  for (const [key, value] of Object.entries(decoding) as [keyof AskedDecoding, unknown][]) {
    // What the server does anyway need not be asked for.
    if (value === undefined || (key === "generationConfig" && value === true)) continue
    const [name, ofDiffusion] = [NAMES[key], DIFFUSION[key]]
    if (name !== undefined) plain[name] = key === "format" ? responseFormat(value as AnswerFormat) : value
    else if (ofDiffusion !== undefined) diffusion[ofDiffusion] = value
    else throw new UserError(`${key} cannot be asked of a server`, { fix: "leave it out, or load the model here" })
  }
  return {
    ...plain,
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    ...(stop !== undefined && { stop }),
    ...(Object.keys(diffusion).length > 0 && { diffusion }),
  }
}

async function bodyOf(model: string, request: ClientRequest, events: boolean): Promise<object> {
  const { model: _, messages, images = [], signal: _signal, ...decoding } = request
  const fields = decodingFields(decoding, events)
  const pictures = images.values()
  const parts = []
  for (const { role, content } of messages) {
    if (typeof content === "string") parts.push({ role, content })
    else
      parts.push({
        role,
        content: await Promise.all(
          partsOf(content).map((part) => (part.type === "text" ? part : pictureOf(pictures.next().value))),
        ),
      })
  }
  if (!pictures.next().done) throw new UserError("there are more images than the messages show")
  return {
    model,
    messages: parts,
    ...fields,
    stream: true,
    stream_options: { include_usage: true },
  }
}

/** OpenAI's schemas have a name. */
const responseFormat = (format: AnswerFormat): object =>
  format.type === "json_schema" ? { type: format.type, json_schema: { name: "answer", schema: format.schema } } : format

async function pictureOf(image: string | Uint8Array | undefined): Promise<object> {
  if (image === undefined) throw new UserError("there are fewer images than the messages show")
  const bytes = typeof image === "string" ? await readPicture(image) : image
  return {
    type: "image_url",
    image_url: { url: `data:${mediaType(bytes)};base64,${Buffer.from(bytes).toString("base64")}` },
  }
}

/** Servers that look at it want to know; this one decodes whatever it is. */
function mediaType(bytes: Uint8Array): string {
  const begin = Buffer.from(bytes.subarray(0, 12)).toString("latin1")
  if (begin.startsWith("\xff\xd8")) return "image/jpeg"
  if (begin.startsWith("GIF8")) return "image/gif"
  if (begin.startsWith("RIFF") && begin.endsWith("WEBP")) return "image/webp"
  return "image/png"
}

/** Pages of a login, of a proxy or of another program have the same status as answers. */
const kindOf = ({ headers }: Response): string => headers.get("content-type")?.split(";")[0].trim() || "nothing"

const API_FIX =
  "give the address of an API like OpenAI's, such as http://127.0.0.1:8080; what answers there may be a proxy or a web page"

async function sentenceOf(response: Response): Promise<string> {
  const body = (await response.json().catch(() => undefined)) as { error?: { message?: string } } | undefined
  return body?.error?.message ?? `the server answers with status ${response.status}`
}

/** Retry-After, in seconds or as a date. */
function secondsIn({ headers }: Response): number | undefined {
  const text = headers.get("retry-after")
  if (text === null) return undefined
  const seconds = /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined
}

interface Chunk {
  choices?: { delta?: { content?: string | null } | null; finish_reason?: "stop" | "length" | null }[] | null
  usage?: {
    prompt_tokens: number
    completion_tokens: number
    prompt_tokens_details?: { cached_tokens?: number }
    diffusion?: { forwards: number; milliseconds: number; warning?: string }
  } | null
  error?: { message?: string } | null
}

function chunkOf(data: string, { url }: Response): Chunk {
  try {
    const chunk: unknown = JSON.parse(data)
    if (isObject(chunk)) return chunk
  } catch {}
  throw new ServerLost("the server sent what is no part of an answer", { where: url })
}

async function* events(response: Response): AsyncGenerator<ClientEvent, void, undefined> {
  let text = ""
  let reason: "stop" | "length" | undefined
  let statistics: ClientStatistics | undefined
  for await (const { event, data } of serverSentEvents(response.body as AsyncIterable<Uint8Array>)) {
    if (data === "[DONE]") break
    if (event === "draft" || event === "commit") {
      yield { type: event, ...JSON.parse(data) } as ClientEvent
      continue
    }
    const { choices, usage, error } = chunkOf(data, response)
    const choice = choices?.[0]
    // It had begun: its status was another one.
    if (error) throw new ServerRefusal(error.message ?? "the server failed to answer", 500, undefined, response.url)
    const more = choice?.delta?.content ?? ""
    if (more !== "") yield { type: "text", text: more }
    text += more
    reason = choice?.finish_reason ?? reason
    if (usage) statistics = statisticsOf(usage)
  }
  if (reason === undefined) throw new ServerLost("the server ended before its answer did")
  const none = { promptTokens: 0, cachedTokens: 0, tokens: 0, forwards: 0, milliseconds: 0 }
  yield { type: "done", text, reason, statistics: statistics ?? none }
}

const statisticsOf = (usage: NonNullable<Chunk["usage"]>): ClientStatistics => ({
  promptTokens: usage.prompt_tokens,
  cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
  tokens: usage.completion_tokens,
  forwards: usage.diffusion?.forwards ?? 0,
  milliseconds: usage.diffusion?.milliseconds ?? 0,
  ...(usage.diffusion?.warning !== undefined && { warning: usage.diffusion.warning }),
})
