/** Mapped files that cannot be mapped. What happens to signals is tested in child processes: test/cli/signals.test.ts. */

import fs from "node:fs"
import os from "node:os"
import path from "node:path"
import { expect, it } from "vitest"
import { UserError } from "../errors.js"
import { mapFile } from "./index.js"

it("a file that is missing or empty is named in a sentence", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "mapped-"))
  const file = path.join(folder, "weights.bin")
  const problem = () => {
    try {
      mapFile(file)
    } catch (error) {
      return error instanceof UserError ? error.format() : String(error)
    }
  }
  expect(problem()).toMatch(/weights.bin: the file cannot be mapped into memory\n.*No such file/)
  fs.writeFileSync(file, "")
  expect(problem()).toMatch(/weights.bin: the file cannot be mapped into memory\n.*empty file/)
  fs.rmSync(folder, { recursive: true })
})
