/** What stands beside a model's weights, whichever form the model has: a folder's files, or what a GGUF file says. */
import path from "node:path"
import { makeFolder } from "../make-folder.js"
import { auxiliaryFiles, copyFiles } from "./auxiliary-files.js"
import { writeJson } from "./files.js"
import { ggufFile } from "./gguf/find.js"
import { openGgufModel } from "./gguf/model.js"

/**
 * Writes tokenizer, processors and chat template of a model into another folder.
 * @param source a model folder or GGUF file
 * @param namesIn which of a folder's files
 */
export async function writeAuxiliaryFiles(
  source: string,
  folder: string,
  namesIn: (folder: string) => string[] = auxiliaryFiles,
): Promise<void> {
  const gguf = ggufFile(source)
  if (gguf === undefined) return copyFiles(source, folder, namesIn(source))
  const { definition, config } = openGgufModel(gguf).tokenizer()
  makeFolder(folder)
  await writeJson(path.join(folder, "tokenizer.json"), definition)
  await writeJson(path.join(folder, "tokenizer_config.json"), config)
}
