/** Features of a frozen tower in files: of every picture once, for all trainings on the same tower. */

import { createHash, type Hash } from "node:crypto"
import fs from "node:fs"
import path from "node:path"
import { explaining, partialName } from "../checkpoint/files.js"
import { UserError } from "../errors.js"
import { makeFolder } from "../make-folder.js"
import type { LanguageModel } from "../models/types.js"
import type { FeatureStore } from "../models/vision/feature-store.js"
import { BYTES, type DType, type Tensor, tensor, viewBytes } from "../torch/index.js"

/** Changes whenever the same tower gives the same pictures other features. */
const FORMAT = 1

/**
 * Lets a model keep what its tower gives in files of this folder. A file is named by hashes of all that its features depend on
 * (weights and configuration of the tower, kind of device, compute type, pixels), so that it is never out of date; whatever else is in the folder
 * stays. `prepare` has seen that the tower can keep them, and does not learn.
 */
export function keepFeatures({ featureSource, dtype }: LanguageModel, folder: string): void {
  if (!featureSource || featureSource.learns) throw new Error("features are kept of a tower that does not learn")
  const hash = createHash("sha256").update(JSON.stringify([FORMAT, dtype, featureSource.described]))
  for (const [name, weight] of featureSource.weights) addTensor(hash.update(name), weight)
  const ofTower = path.join(folder, hash.digest("hex").slice(0, 32))
  explaining(folder, () => makeFolder(ofTower))
  featureSource.features = new FeatureFiles(ofTower, dtype)
}

function addTensor(hash: Hash, weight: Tensor): void {
  const values = weight.to({ device: "cpu" }).toArray()
  hash.update(JSON.stringify([weight.dtype, weight.shape]))
  hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
}

class FeatureFiles implements FeatureStore {
  constructor(
    readonly folder: string,
    readonly dtype: DType,
  ) {}

  get(pixels: Float32Array, shape: readonly number[]): Tensor | undefined {
    const file = this.#fileOf(pixels)
    let bytes: Buffer
    try {
      bytes = fs.readFileSync(file)
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined
      return explaining(file, () => {
        throw cause
      })
    }
    const size = shape.reduce((product, side) => product * side, 1)
    const width = bytes.length / size
    const stored = tensor(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    if (width !== BYTES[this.dtype])
      throw new UserError(`it has ${bytes.length} bytes, but the features of a picture ${size} numbers`, {
        where: file,
        fix: "delete it: it is made again",
      })
    return viewBytes(stored, 0, this.dtype, shape)
  }

  put(pixels: Float32Array, features: Tensor): void {
    const file = this.#fileOf(pixels)
    const values = features.to({ device: "cpu" }).contiguous().toArray()
    const draft = partialName(file)
    explaining(file, () => {
      fs.writeFileSync(draft, new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
      fs.renameSync(draft, file)
    })
  }

  #fileOf(pixels: Float32Array): string {
    const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength)
    return path.join(this.folder, createHash("sha256").update(bytes).digest("hex").slice(0, 40))
  }
}
