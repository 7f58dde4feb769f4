/** An error of a request, as every protocol can tell it. Knows no protocol. */

export interface ApiErrorOptions {
  /** A word for programs. */
  code?: string
  /** The key of the request that is at fault. */
  param?: string
  /** Seconds after which it may be tried again. */
  retryAfter?: number
  /** For the log only. */
  cause?: unknown
}

export class ApiError extends Error {
  readonly code: string | undefined
  readonly param: string | undefined
  readonly retryAfter: number | undefined

  /** @param status of HTTP */
  constructor(
    readonly status: 400 | 401 | 403 | 404 | 405 | 408 | 413 | 415 | 421 | 429 | 500 | 503 | 504,
    message: string,
    { code, param, retryAfter, cause }: ApiErrorOptions = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = "ApiError"
    this.code = code
    this.param = param
    this.retryAfter = retryAfter
  }
}

/** What somebody asked for that cannot be. */
export const invalid = (message: string, param?: string, code?: string): ApiError =>
  new ApiError(400, message, { param, code })

/** What went wrong here is told in the log, not to whoever asked. */
export const internalError = (cause: unknown): ApiError =>
  new ApiError(500, "the server failed to answer; its log says why", { code: "internal_error", cause })
