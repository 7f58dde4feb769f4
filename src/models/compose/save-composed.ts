/** Writes a composed model: whole, or its connector with the names of the parts. */

import path from "node:path"
import { createFolder, requireFreeSpace, writeFileAtomic, writeJson } from "../../checkpoint/files.js"
import type { FileDigest } from "../../checkpoint/manifest.js"
import type { TensorEntry } from "../../checkpoint/safetensors/safetensors.js"
import { bytesOf } from "../../checkpoint/safetensors/safetensors-header.js"
import { readView, type TensorView } from "../../checkpoint/tensor-view.js"
import { writeAuxiliaryFiles } from "../../checkpoint/write-auxiliary-files.js"
import { writeModel } from "../save.js"
import type { ComposedModel } from "./compose.js"
import { isOfConnector, writeParts } from "./parts.js"

/** Writes the model as a folder, which appears whole or not at all. */
export async function saveComposed(
  folder: string,
  composed: ComposedModel,
  options: { maxShardBytes?: number } = {},
): Promise<Map<string, FileDigest>> {
  const { config, tensors } = composed.checkpoint
  const entries = [...tensors].map(entryOf)
  await requireFreeSpace(
    folder,
    entries.reduce((sum, entry) => sum + bytesOf(entry), 0),
  )
  let written = new Map<string, FileDigest>()
  await createFolder(folder, async (staging) => {
    await writeFiles(staging, composed)
    written = await writeModel(staging, config, entries, options)
  })
  return written
}

/**
 * Writes the connector, and what names the parts, as a folder that appears whole or not at all: it is opened as the whole model is,
 * as long as the parts stay where they are.
 * @param options.replace what is there gives way
 */
export async function saveParts(
  folder: string,
  composed: ComposedModel,
  options: { replace?: boolean } = {},
): Promise<void> {
  const { config, tensors } = composed.checkpoint
  const entries = [...tensors].filter(([name]) => isOfConnector(name)).map(entryOf)
  await createFolder(
    folder,
    async (staging) => {
      await writeFiles(staging, composed)
      await writeParts(staging, { config, entries, record: composed.record })
    },
    options,
  )
}

const entryOf = ([name, view]: [string, TensorView]): TensorEntry => ({
  name,
  dtype: view.dtype,
  shape: [...view.shape],
  data: () => readView(view),
})

/** Everything but config.json and the weights: tokenizer, chat template, processors, generation defaults. */
async function writeFiles(folder: string, { record, files }: ComposedModel): Promise<void> {
  await writeAuxiliaryFiles(record.language.folder, folder)
  for (const [name, content] of files) {
    const file = path.join(folder, name)
    if (typeof content === "string") await writeFileAtomic(file, content)
    else await writeJson(file, content)
  }
}
