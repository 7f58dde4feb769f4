/** A new folder for each test of a file. */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeEach } from "vitest"

/** @param use told the folder before each test; all of them are deleted behind the last */
export function forEachTest(prefix: string, use: (folder: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), prefix))
  let count = 0
  beforeEach(() => {
    const folder = join(root, String(count++))
    mkdirSync(folder)
    use(folder)
  })
  afterAll(() => rmSync(root, { recursive: true, force: true }))
}
