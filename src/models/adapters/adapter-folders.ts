/** Of an adapter's folder and its base: which of the two the files beside the weights are read from. */

import { existsSync } from "node:fs"
import path from "node:path"
import { isAdapter } from "../../checkpoint/adapter-files.js"
import { requireNoOutput } from "../../checkpoint/training-output.js"
import { hasTokenizer } from "../../text/tokenizer/tokenizer-file.js"
import { localBase } from "./base-model.js"

export interface ModelFolders {
  /** Base of an adapter; absent for a whole model. */
  base?: string
  /** Tokenizer and chat template. */
  texts: string
  /** Settings of the image processor. */
  pictures: string
  /** generation_config.json. */
  generation: string
}

/**
 * An adapter's own files count, where it has them: it may have been trained with other tokens.
 * @param base folder of the base. @default the one that the adapter names
 * @throws UserError where the adapter names none that is on this machine, and for a folder that only has models in it
 */
export function modelFolders(folder: string, base?: string): ModelFolders {
  if (!isAdapter(folder)) {
    requireNoOutput(folder)
    return { texts: folder, pictures: folder, generation: folder }
  }
  const from = base ?? localBase(folder)
  const holds = (...names: string[]): boolean => names.some((name) => existsSync(path.join(folder, name)))
  return {
    base: from,
    texts: hasTokenizer(folder) ? folder : from,
    pictures: holds("processor_config.json", "preprocessor_config.json") ? folder : from,
    generation: holds("generation_config.json") ? folder : from,
  }
}
