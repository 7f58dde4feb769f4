/** Stage-1 projectors in PyTorch's pickle format: the same tensors, bit for bit, as in the safetensors file beside. */

import { join } from "node:path"
import { readTorchFile } from "../../../src/checkpoint/pickle/torch-file.js"
import { readHeader, readTensor } from "../../../src/checkpoint/safetensors/safetensors.js"
import { bytesOf } from "../../../src/checkpoint/tensor-view.js"
import { expectEqual, sha256 } from "../check.js"
import type { FixtureFolder } from "../folder.js"
import type { FixtureGroup } from "../types.js"

export function discoverPickles({ pickledProjectors }: FixtureFolder): FixtureGroup[] {
  if (pickledProjectors.length === 0) return []
  return [
    {
      kind: "pickled projectors",
      cases: pickledProjectors.map((folder) => ({ id: folder, run: () => compare(folder) })),
    },
  ]
}

function compare(folder: string): void {
  const pickled = readTorchFile(join(folder, "mm_projector.bin"))
  // The newline of pictures is not in the pickle: stage 1 does not store it.
  const tensors = readHeader(join(folder, "mm_projector.safetensors")).tensors
  const stored = [...tensors].filter(([name]) => name.includes("mm_projector"))
  expectEqual([...pickled.keys()].sort(), stored.map(([name]) => name).sort(), "names")
  for (const [name, location] of stored) {
    const view = pickled.get(name)!
    expectEqual([view.dtype, ...view.shape], [location.dtype, ...location.shape], `${name}: type and shape`)
    expectEqual(sha256(bytesOf(view)), sha256(readTensor(location)), `${name}: bytes`)
  }
}
