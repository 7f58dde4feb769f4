/** An adapter and its base → a whole model: W + scale · B A, computed in float32 and rounded once. Streams all other weights. */

import { isAdapter } from "../checkpoint/adapter-files.js"
import { EMBEDDING } from "../checkpoint/checkpoint.js"
import { createFolder, requireFreeSpace } from "../checkpoint/files.js"
import type { TensorEntry } from "../checkpoint/safetensors/safetensors.js"
import { bytesOf } from "../checkpoint/safetensors/safetensors-header.js"
import { readView, type TensorView } from "../checkpoint/tensor-view.js"
import { writeAuxiliaryFiles } from "../checkpoint/write-auxiliary-files.js"
import { UserError } from "../errors.js"
import { Adapter, storedValues } from "../models/adapters/adapter.js"
import { modelFolders } from "../models/adapters/adapter-folders.js"
import { readAdapted } from "../models/adapters/read-adapter.js"
import type { DequantisedType } from "../models/checkpoint.js"
import { grownViews } from "../models/grown-views.js"
import { MappedFiles } from "../models/mapped-files.js"
import { tensorBytes, writeModel } from "../models/save.js"
import { lowRankDelta } from "../nn/low-rank.js"
import { noGrad, type Tensor, tidy, zeros } from "../torch/index.js"

export interface MergeOptions {
  /** Folder or GGUF file of the base. @default what the adapter names, where that is on this machine */
  base?: string
  /** What quantised weights of a GGUF file are written as. @default "float32": exactly what they say */
  dequantised?: DequantisedType
  maxShardBytes?: number
  onProgress?: (writtenBytes: number, totalBytes: number) => void
}

/** Rows of a weight that are widened at a time. */
const CHUNK_ELEMENTS = 1 << 24

/**
 * Writes the model that an adapter and its base are together, in the element types of the base. The output folder appears whole at the end or not at all.
 * @throws UserError when the folder is no adapter, it is one for another model, or the target is not empty
 */
export async function merge(folder: string, out: string, options: MergeOptions = {}): Promise<void> {
  if (!isAdapter(folder))
    throw new UserError("it is no adapter: there is nothing to merge", {
      where: folder,
      fix: "give a folder with adapter_config.json and adapter_model.safetensors",
    })
  const { base: baseFolder, texts, pictures, generation } = modelFolders(folder, options.base)
  const { checkpoint, plan, tensors } = readAdapted(folder, baseFolder!, options.dequantised)
  const mapped = new MappedFiles()
  // Of the embedding only the number of rows is asked for: its rows are replaced when it is written.
  const rows = new Map([[EMBEDDING, zeros([checkpoint.config.text.vocabSize, 1])]])
  const adapter = new Adapter(plan, rows, storedValues(tensors), { dtype: "float32", device: "cpu", trainable: false })
  const entries = grownViews(checkpoint.tensors, checkpoint.config.text.vocabSize).map(([name, view]): TensorEntry => {
    const data = merged(name, view, adapter, mapped)
    return { name, dtype: view.dtype, shape: view.shape, data: data ?? (() => readView(view)) }
  })
  await requireFreeSpace(
    out,
    entries.reduce((sum, entry) => sum + bytesOf(entry), 0),
  )
  const { maxShardBytes, onProgress } = options
  await createFolder(out, async (staging) => {
    await writeModel(staging, checkpoint.config, entries, { maxShardBytes, onProgress })
    // The adapter's own files last: they count.
    for (const from of new Set([baseFolder!, pictures, generation, texts])) await writeAuxiliaryFiles(from, staging)
  })
}

/** What makes the bytes of a weight that the adapter changes. */
function merged(
  name: string,
  view: TensorView,
  adapter: Adapter,
  mapped: MappedFiles,
): TensorEntry["data"] | undefined {
  const layer = name.replace(/\.weight$/, "")
  const parts = name.endsWith(".weight") ? adapter.lowRank(layer) : []
  const tokens = adapter.tokenRows(layer)
  if (parts.length > 0)
    return function* () {
      const weight = mapped.tensor(view)
      yield* summed(weight, lowRankDelta(parts, weight.shape[0])!)
    }
  return (
    tokens &&
    (() => {
      const matrix = mapped.tensor(view)
      return noGrad(() => tidy(() => tensorBytes(tokens.put(matrix))))
    })
  )
}

function* summed(weight: Tensor, delta: Tensor): Generator<Uint8Array> {
  const [rows, width] = weight.shape
  const step = Math.max(1, Math.floor(CHUNK_ELEMENTS / width))
  for (let start = 0; start < rows; start += step) {
    const length = Math.min(step, rows - start)
    const cut = (x: Tensor): Tensor => x.narrow(0, start, length)
    yield noGrad(() => tidy(() => tensorBytes(cut(weight).to("float32").add(cut(delta)).to(weight.dtype))))
  }
}
