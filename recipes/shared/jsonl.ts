/** Files of a package with a JSON object in each line. */

import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { UserError } from "../../src/errors.js"

export interface RecordFile {
  records: Record<string, unknown>[]
  sha256: string
}

/**
 * @param fix where the file can be had
 * @throws UserError when it is missing, or a line is no JSON
 */
export function readRecords(folder: string, file: string, fix: string): RecordFile {
  const where = join(folder, file)
  if (!existsSync(where)) throw new UserError("a question set is not there", { where, fix })
  const bytes = readFileSync(where)
  const records = bytes
    .toString("utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line, i): Record<string, unknown> => {
      try {
        return JSON.parse(line)
      } catch (cause) {
        throw new UserError(`line ${i + 1} is no JSON`, { where, fix: "download the package again", cause })
      }
    })
  return { records, sha256: createHash("sha256").update(bytes).digest("hex") }
}
