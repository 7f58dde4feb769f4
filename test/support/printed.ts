/** What a program prints while a test runs it in this process. */

import { afterEach, beforeEach, vi } from "vitest"

/** @returns the text of both outputs since the test began */
export function printedByTest(): () => string {
  let printed = ""
  beforeEach(() => {
    printed = ""
    const keep = (text: unknown) => {
      printed += text
      return true
    }
    vi.spyOn(process.stdout, "write").mockImplementation(keep)
    vi.spyOn(process.stderr, "write").mockImplementation(keep)
  })
  afterEach(() => {
    vi.restoreAllMocks()
    process.exitCode = undefined
  })
  return () => printed
}
