/** Errors in the words of each protocol. Pure. */

import type { ApiError } from "../api-error.js"

export type Protocol = "openai" | "anthropic"

const ANTHROPIC: Record<number, string> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
}

function openAiType(status: number): string {
  if (status === 401) return "authentication_error"
  if (status === 403) return "permission_error"
  if (status === 429) return "rate_limit_error"
  return status >= 500 ? "server_error" : "invalid_request_error"
}

export function errorBody(protocol: Protocol, { status, message, code, param }: ApiError, requestId: string): object {
  if (protocol === "openai")
    return { error: { message, type: openAiType(status), param: param ?? null, code: code ?? null } }
  const type = ANTHROPIC[status] ?? (status >= 500 ? "api_error" : "invalid_request_error")
  return { type: "error", error: { type, message }, request_id: requestId }
}
