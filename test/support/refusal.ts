/** What the server refuses. */

import { expect } from "vitest"
import type { ApiError } from "../../src/serve/api-error.js"

/** The error of status 400 that the work ends in. */
export function refusalOf(work: () => unknown): ApiError {
  try {
    work()
  } catch (error) {
    expect(error).toMatchObject({ name: "ApiError", status: 400 })
    return error as ApiError
  }
  throw new Error("nothing was refused")
}
