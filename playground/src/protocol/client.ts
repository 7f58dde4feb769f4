/** The server's API over fetch: failures become RequestFailed with a sentence. */

import type { ChatRequest, Chunk, CommitEvent, DraftEvent, RunEntry, ServedModel } from "./contract.js"
import { BROKEN_OFF, problemOfResponse, RequestFailed, sentence, UNREACHABLE } from "./problem.js"
import { serverEvents } from "./sse.js"

/** What a stream says, event by event. */
export type StreamEvent =
  | { type: "chunk"; chunk: Chunk }
  | { type: "draft"; draft: DraftEvent }
  | { type: "commit"; commit: CommitEvent }

export interface Access {
  /** API key, if the server wants one. */
  key?: string
  signal?: AbortSignal
}

/** A response with a good status. Addresses are relative to the page, which may lie behind a proxy's prefix. */
async function ask(path: string, { key, signal }: Access, init: RequestInit = {}): Promise<Response> {
  const headers = { ...init.headers, ...(key ? { authorization: `Bearer ${key}` } : {}) }
  const response = await fetch(path, { ...init, headers, signal })
  if (!response.ok) throw new RequestFailed(await problemOfResponse(response))
  return response
}

export async function listModels(access: Access): Promise<ServedModel[]> {
  const { data } = await (await ask("v1/models", access)).json()
  return data
}

export async function listRuns(access: Access): Promise<RunEntry[]> {
  return (await ask("runs", access)).json()
}

/** The log of a run from a byte on. */
export async function readMetrics(name: string, from: number, access: Access): Promise<string> {
  return (await ask(`${runAddress(name)}/metrics?from=${from}`, access)).text()
}

/** A name is a path below the server's folder. */
const runAddress = (name: string): string => `runs/${name.split("/").map(encodeURIComponent).join("/")}`
export const reportAddress = (name: string): string => `${runAddress(name)}/report.html`

export async function readReport(name: string, access: Access): Promise<Blob> {
  return (await ask(reportAddress(name), access)).blob()
}

/** @throws RequestFailed also for an error within the stream, and where the stream ends before it says so */
export async function* streamAnswer(request: ChatRequest, access: Access): AsyncGenerator<StreamEvent> {
  const response = await ask("v1/chat/completions", access, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  })
  if (!response.body) throw new RequestFailed(UNREACHABLE)
  try {
    for await (const { event, data } of serverEvents(response.body)) {
      if (data === "[DONE]") return
      if (event === "draft") yield { type: "draft", draft: JSON.parse(data) }
      if (event === "commit") yield { type: "commit", commit: JSON.parse(data) }
      if (event === "message") {
        const chunk: Chunk = JSON.parse(data)
        if (chunk.error) throw new RequestFailed({ what: sentence(chunk.error.message) })
        yield { type: "chunk", chunk }
      }
    }
  } catch (error) {
    if (error instanceof TypeError) throw new RequestFailed(BROKEN_OFF)
    throw error
  }
  throw new RequestFailed(BROKEN_OFF)
}
