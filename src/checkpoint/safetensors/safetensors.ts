/** Tensors of a checkpoint folder: one safetensors file, or shards with an index. Knows no model. */
import fs from "node:fs"
import path from "node:path"
import { UserError } from "../../errors.js"
import { label } from "../../readable.js"
import { readHeader, type TensorLocation } from "./safetensors-header.js"
import { INDEX_FILE, readIndex, SINGLE_FILE } from "./safetensors-index.js"

export type { ElementType } from "../element-types.js"
export { readHeader, type TensorLocation } from "./safetensors-header.js"
export { type TensorEntry, type WriteOptions, writeTensorFile, writeTensors } from "./safetensors-writer.js"

/**
 * Locations of all tensors of a folder. `model.safetensors` wins over an index when both exist, as in every known
 * loader (converted checkpoints carry a stale index).
 * @throws UserError when there are no weights, a shard is missing or truncated, or index and shards disagree.
 */
export function openTensors(folder: string): Map<string, TensorLocation> {
  const single = path.join(folder, SINGLE_FILE)
  if (fs.existsSync(single)) return readHeader(single).tensors
  const index = path.join(folder, INDEX_FILE)
  if (fs.existsSync(index)) return openShards(folder, index, (shard) => readHeader(shard).tensors)
  throw noWeights(folder)
}

/**
 * Tensors of the shards that an index lists, in the order of the index.
 * @throws UserError when a shard is missing, or index and shards disagree
 */
export function openShards<T>(
  folder: string,
  index: string,
  read: (shard: string) => ReadonlyMap<string, T>,
): Map<string, T> {
  const shardOf = readIndex(index)
  const shards = [...new Set(shardOf.values())].sort()
  const absent = shards.filter((shard) => !fs.existsSync(path.join(folder, shard)))
  if (absent.length > 0)
    throw new UserError(
      `${absent.length} of ${shards.length} weight files are missing: ${absent.slice(0, 5).map(label).join(", ")}${absent.length > 5 ? " and more" : ""}`,
      {
        where: folder,
        fix: "Download the missing files, or the whole model again.",
      },
    )
  const found = new Map<string, T>()
  for (const shard of shards) {
    for (const [name, location] of read(path.join(folder, shard))) {
      const listed = shardOf.get(name)
      if (listed !== shard)
        throw new UserError(
          `${label(shard)} holds ${label(name)}, which the index ${listed ? `places in ${label(listed)}` : "does not list"}`,
          {
            where: index,
          },
        )
      found.set(name, location)
    }
  }
  const tensors = new Map<string, T>()
  for (const [name, shard] of shardOf) {
    const tensor = found.get(name)
    if (tensor === undefined)
      throw new UserError(`the index places ${label(name)} in ${label(shard)}, which does not hold it`, {
        where: index,
      })
    tensors.set(name, tensor)
  }
  return tensors
}

function noWeights(folder: string): UserError {
  if (!fs.existsSync(folder)) return new UserError("there is no such folder", { where: folder })
  if (!fs.statSync(folder).isDirectory()) return new UserError("it is not a folder", { where: folder })
  const gguf = fs.readdirSync(folder).find((file) => /\.gguf$/i.test(file))
  if (gguf !== undefined)
    return new UserError(`it has no weights beside its config.json but GGUF files (${label(gguf)})`, {
      where: folder,
      fix: "Name the GGUF file as the model.",
    })
  const pickled = fs.readdirSync(folder).filter((file) => /\.(bin|pth|pt|ckpt)$/.test(file))
  if (pickled.length > 0)
    return new UserError(`it has no weights by a name that models have, but the pickled ${label(pickled[0])}`, {
      where: folder,
      fix: "Call it pytorch_model.bin if it is the whole model, or save the model as safetensors.",
    })
  return new UserError(`it has no weights: neither ${SINGLE_FILE} nor ${INDEX_FILE}`, { where: folder })
}

/** A tensor's bytes in pieces of at most `pieceBytes`, a multiple of 8, so that no element is cut. */
export function* readPieces(location: TensorLocation, pieceBytes = 8 << 20): Generator<Uint8Array> {
  const descriptor = fs.openSync(location.file, "r")
  try {
    for (let start = 0; start < location.bytes; start += pieceBytes) {
      const piece = new Uint8Array(Math.min(pieceBytes, location.bytes - start))
      for (let done = 0; done < piece.length; ) {
        const read = fs.readSync(descriptor, piece, done, piece.length - done, location.offset + start + done)
        if (read === 0) throw new UserError("the file ended while it was read", { where: location.file })
        done += read
      }
      yield piece
    }
  } finally {
    fs.closeSync(descriptor)
  }
}

/** All bytes of a tensor. */
export function readTensor(location: TensorLocation): Uint8Array {
  const bytes = new Uint8Array(location.bytes)
  let position = 0
  for (const piece of readPieces(location)) {
    bytes.set(piece, position)
    position += piece.length
  }
  return bytes
}
