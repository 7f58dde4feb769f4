/** What tells whether a model is still the one that was measured: its weights, and what decides how it reads and answers. */

import { createHash } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { ADAPTER_WEIGHTS, isAdapter } from "../checkpoint/adapter-files.js"
import { explaining } from "../checkpoint/files.js"
import { digestFile } from "../checkpoint/manifest.js"
import { tokenizerHash, weightsHash } from "./content-hash.js"

const FILES = ["config.json", "adapter_config.json", "generation_config.json"]

/** @param base of an adapter */
export async function fingerprintOf(folder: string, base?: string): Promise<string> {
  const hash = createHash("sha256")
  for (const part of base === undefined ? [folder] : [folder, base]) {
    for (const name of FILES) {
      const file = join(part, name)
      if (existsSync(file)) hash.update(`${name}\0`).update(explaining(file, () => readFileSync(file)))
    }
    hash.update(tokenizerHash(part))
    const weights = isAdapter(part) ? (await digestFile(join(part, ADAPTER_WEIGHTS))).sha256 : weightsHash(part)
    hash.update(weights ?? "")
  }
  return hash.digest("hex")
}
