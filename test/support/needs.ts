/** Tests that need what not every machine has: skipped there, with the need in the title, so that a report says why. */

import { describe, it } from "vitest"

export interface Needing {
  title(text: string): string
  describe(name: string, body: () => void): void
  it(name: string, body: () => unknown, timeout?: number): void
}

/** `describe` and `it` for tests that need this. */
export function needs(present: boolean, what: string): Needing {
  const title = (text: string): string => (present ? text : `${text} [needs ${what}]`)
  return {
    title,
    describe: (name, body) => void describe.skipIf(!present)(title(name), body),
    it: (name, body, timeout) => void it.skipIf(!present)(title(name), body, timeout),
  }
}

export const linux = needs(process.platform === "linux", "Linux")
export const unix = needs(process.platform !== "win32", "Linux or macOS")
