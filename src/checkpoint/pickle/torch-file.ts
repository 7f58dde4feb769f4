/**
 * Tensors of a file that torch.save wrote (pytorch_model.bin, mm_projector.bin, *.pth, *.pt), without Python: nothing in
 * it is run, and of what it may hold only data is read. Only the pickle is read now; the tensors stay in the file.
 */
import fs from "node:fs"
import { UserError } from "../../errors.js"
import { firstOf, label } from "../../readable.js"
import { readingFailure } from "../../system-failures.js"
import { Cursor } from "../cursor.js"
import { ELEMENT_BYTES } from "../element-types.js"
import { regularFileSize } from "../json.js"
import { stridedOf, type TensorView } from "../tensor-view.js"
import { type Container, type OpenFile, openLegacy, openZip } from "./containers.js"
import { PickledTensor, torchWorld } from "./torch-objects.js"

/** Where training programs put the weights in what else they save; the first that is there counts. */
const STATE_DICTIONARIES = ["state_dict", "model_state_dict", "model"]

/**
 * Tensors by their names, in the order of the file: those of the dictionary that was saved, or of the one dictionary of
 * tensors in it, such as {"state_dict": …, "epoch": 3}. Those that are not contiguous are laid out when they are read.
 * @throws UserError for a file that is damaged, incomplete, or holds anything but data
 */
export function readTorchFile(file: string): Map<string, TensorView> {
  // Before it is opened: opening a pipe waits for a writer.
  regularFileSize(file)
  let descriptor: number
  try {
    descriptor = fs.openSync(file, "r")
  } catch (cause) {
    throw new UserError(`cannot open the weights file (${readingFailure(cause)})`, { where: file, cause })
  }
  try {
    const open: OpenFile = { descriptor, file, bytes: fs.fstatSync(descriptor).size }
    const container = openContainer(open)
    const tensors = new Map<string, TensorView>()
    for (const [name, tensor] of namedTensors(container.object, file))
      tensors.set(name, viewOf(name, tensor, container, open))
    return tensors
  } finally {
    fs.closeSync(descriptor)
  }
}

function openContainer(open: OpenFile): Container {
  const world = torchWorld(open.file)
  const { descriptor, file, bytes } = open
  const first = new Cursor(descriptor, file, Math.min(bytes, 4), () => world.invalid(`it has only ${bytes} bytes`))
  const start = first.u32()
  if (start === ZIP) return openZip(open, world)
  const [mark, protocol] = [start & 0xff, (start >> 8) & 0xff]
  if (mark === PICKLE && protocol >= 2 && protocol <= 5) return openLegacy(open, world)
  throw world.invalid("it begins neither as a zip archive nor as a pickle")
}

/** How files begin: "PK\\x03\\x04", and a pickle's PROTO. */
const ZIP = 0x04034b50
const PICKLE = 0x80

type Named = readonly [name: string, tensor: PickledTensor]

function namedTensors(object: unknown, file: string): Named[] {
  const outermost = tensorsOf(object)
  if (outermost.length > 0) return outermost
  const entries = object instanceof Map ? [...object] : []
  const inside = entries.flatMap(([key, value]): [string, Named[]][] => {
    const tensors = typeof key === "string" ? tensorsOf(value) : []
    return tensors.length > 0 ? [[key, tensors]] : []
  })
  if (inside.length === 1) return inside[0][1]
  for (const name of STATE_DICTIONARIES) {
    const found = inside.find(([key]) => key === name)
    if (found) return found[1]
  }
  const fix = "Save the state dictionary alone: torch.save(model.state_dict(), file)."
  if (inside.length === 0) throw new UserError("it holds no dictionary of tensors", { where: file, fix })
  const names = firstOf(inside.map(([key]) => label(key))).join(", ")
  throw new UserError(`it holds several dictionaries of tensors: ${names}`, { where: file, fix })
}

/** Of a dictionary by texts; what else it holds, such as counts of epochs, is no weight. */
function tensorsOf(value: unknown): Named[] {
  if (!(value instanceof Map)) return []
  return [...value].filter(
    (entry): entry is [string, PickledTensor] => typeof entry[0] === "string" && entry[1] instanceof PickledTensor,
  )
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1)

/** Elements that a tensor may have beyond those that are stored: `expand` repeats them without storing them again. */
const MOST_REPEATED = 1 << 24

/** The tensor as a place in the file, or what is to be gathered from one. */
function viewOf(
  name: string,
  tensor: PickledTensor,
  container: Container,
  { file, bytes: fileBytes }: OpenFile,
): TensorView {
  const fail = (reason: string): UserError =>
    new UserError(`not a valid PyTorch file: tensor ${label(name)}: ${reason}`, {
      where: file,
      fix: "Download or copy the file again.",
    })
  const { storage, shape, strides } = tensor
  const { dtype } = storage
  const size = ELEMENT_BYTES[dtype]
  const place = container.place(storage)
  const stored = Math.floor(place.bytes / size)
  if (storage.from + storage.elements > stored || place.offset + place.bytes > fileBytes)
    throw fail(`its storage has ${stored} elements, ${storage.from + storage.elements} are needed`)
  const count = product(shape)
  const span = count === 0 ? 0 : shape.reduce((last, length, axis) => last + (length - 1) * strides[axis], 1)
  if (!Number.isSafeInteger(count) || tensor.offset + span > storage.elements)
    throw fail(`[${shape.join(", ")}] from element ${tensor.offset} lies outside its storage of ${storage.elements}`)
  if (count > Math.max(storage.elements, MOST_REPEATED))
    throw fail(`[${shape.join(", ")}] repeats its ${storage.elements} stored elements too often`)
  const offset = place.offset + (storage.from + tensor.offset) * size
  return stridedOf({ file, dtype, shape: [span], offset, bytes: span * size }, shape, strides)
}
