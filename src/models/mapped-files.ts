/** Tensors of a checkpoint in its mapped files. What is more than a place in a file is made when it is asked for. */
import type { TensorLocation } from "../checkpoint/safetensors/safetensors.js"
import { bytesOf, type TensorView } from "../checkpoint/tensor-view.js"
import { UserError } from "../errors.js"
import { cat, mapFile, type Tensor, tensor, viewBytes } from "../torch/index.js"

export class MappedFiles {
  readonly #files = new Map<string, Tensor>()

  /**
   * The tensor, in the type it is stored in. A place in a file is the mapped memory itself.
   * @throws UserError when a file has become shorter
   */
  tensor(view: TensorView): Tensor {
    if ("offset" in view) return this.#place(view)
    if (!("op" in view)) return viewBytes(tensor(bytesOf(view)), 0, view.dtype, view.shape)
    switch (view.op) {
      case "slice":
        return this.tensor(view.of).narrow(view.axis, view.start, view.shape[view.axis]).contiguous()
      case "join":
        return cat(
          view.parts.map((part) => this.tensor(part)),
          view.axis,
        )
      case "strided":
        return viewBytes(tensor(bytesOf(view)), 0, view.dtype, view.shape)
      case "reorder":
        return this.tensor(view.of)
          .view(...view.view)
          .permute(...view.order)
          .reshape(...view.shape)
          .contiguous()
    }
  }

  #place({ file, offset, bytes, dtype, shape }: TensorLocation): Tensor {
    let mapped = this.#files.get(file)
    if (!mapped) {
      mapped = mapFile(file)
      this.#files.set(file, mapped)
    }
    // The header fitted the file when it was read.
    if (mapped.shape[0] < offset + bytes)
      throw new UserError("the file became shorter while the model was loaded", {
        where: file,
        fix: "Copy or download it again; do not write to the files of a model that is in use.",
      })
    return viewBytes(mapped, offset, dtype, shape)
  }
}
