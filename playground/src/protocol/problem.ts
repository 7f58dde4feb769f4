/** What went wrong, in a sentence, and what can be done about it. */

import type { ErrorBody } from "./contract.js"

export interface Problem {
  /** One or two sentences. */
  what: string
  /** What the page can offer beside trying again. */
  way?: "key" | "pictures" | "settings"
  /** Seconds after which trying again makes sense. */
  after?: number
}

/** A request that failed, with what is said about it. */
export class RequestFailed extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.what)
    this.problem = problem
  }
}

export const UNREACHABLE: Problem = {
  what: "The server does not answer. If it was stopped, start it again with diffusionvl serve.",
}
export const BROKEN_OFF: Problem = { what: "The answer broke off: the connection to the server was lost." }

/** The problem that a response with an error status reports. */
export async function problemOfResponse(response: Response): Promise<Problem> {
  const body = await response.text().catch(() => "")
  const error = errorIn(body)
  const said = error && sentence(error.message)
  const { status } = response
  if (status === 401) return { what: "The server wants an API key, or another one.", way: "key" }
  if (status === 413) return { what: said ?? "The pictures are too large for the server.", way: "pictures" }
  if (status === 429 || status === 503) {
    const after = Number(response.headers.get("retry-after") ?? Number.NaN)
    const what = said ?? "The server is busy."
    return Number.isFinite(after) && after > 0 ? { what, after: Math.ceil(after) } : { what }
  }
  if (status >= 400 && status < 500 && said) return { what: said, way: "settings" }
  return { what: said ?? `The server answered with status ${status} and no explanation.` }
}

/** A message of the server's, which may stand before another sentence. */
export function sentence(message: string): string {
  const begun = message.charAt(0).toUpperCase() + message.slice(1)
  return /[.!?]$/.test(begun) ? begun : `${begun}.`
}

/** The error that a body, or a chunk of a stream, says in OpenAI's form. */
export function errorIn(text: string): ErrorBody | undefined {
  try {
    const { error } = JSON.parse(text)
    return typeof error?.message === "string" ? error : undefined
  } catch {
    return undefined
  }
}

/** Whatever was thrown, as a problem. */
export function problemOf(error: unknown): Problem {
  if (error instanceof RequestFailed) return error.problem
  // What fetch throws where nothing answers.
  if (error instanceof TypeError) return UNREACHABLE
  return { what: `Something went wrong in this page: ${error instanceof Error ? error.message : String(error)}` }
}
