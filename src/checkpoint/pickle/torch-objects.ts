/** The objects that a pickle of weights is made of: tensors over storages, parameters, ordered dictionaries. No others. */
import { UserError } from "../../errors.js"
import { label, shown } from "../../readable.js"
import type { ElementType } from "../element-types.js"
import type { Known, PickleWorld } from "./machine.js"

/** Elements in a row that lie outside the pickle; several tensors may share them. */
export interface PickledStorage {
  key: string
  dtype: ElementType
  elements: number
  /** Element of the stored row at which it begins. */
  from: number
}

/** A tensor over a storage. Offset and strides count elements. */
export class PickledTensor {
  constructor(
    readonly storage: PickledStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

class StorageType {
  constructor(readonly dtype: ElementType) {}
}

const STORAGES: Record<string, ElementType> = {
  ByteStorage: "uint8",
  CharStorage: "int8",
  ShortStorage: "int16",
  IntStorage: "int32",
  LongStorage: "int64",
  HalfStorage: "float16",
  FloatStorage: "float32",
  DoubleStorage: "float64",
  BoolStorage: "bool",
  BFloat16Storage: "bfloat16",
}

/**
 * The names that a file of weights may use.
 * @param file for errors
 */
export function torchWorld(file: string): PickleWorld {
  const invalid = (reason: string): UserError =>
    new UserError(`not a valid PyTorch file: ${reason}`, { where: file, fix: "Download or copy the file again." })
  // One list can be given to many dictionaries, each of which copies it.
  let pairsLeft = MOST_PAIRS
  const ordered = (args: readonly unknown[]): Map<unknown, unknown> => {
    const pairs = pairsOf(args)
    if (!pairs) throw invalid("one of its dictionaries is not made of pairs")
    pairsLeft -= pairs.length
    if (pairsLeft < 0) throw invalid("its dictionaries are larger than those of any model")
    return new Map(pairs)
  }
  const tensor = (args: readonly unknown[]): PickledTensor => {
    const [storage, offset, shape, strides] = args
    if (!isStorage(storage) || !isSize(offset) || !isSizes(shape) || !isSizes(strides))
      throw invalid("one of its tensors has no storage, offset, shape and strides")
    if (shape.length !== strides.length)
      throw invalid(`one of its tensors has a shape of ${shape.length} axes, but ${strides.length} strides`)
    return new PickledTensor(storage, offset, shape, strides)
  }
  const known = new Map<string, Known>([
    ["collections.OrderedDict", ordered],
    ["torch._utils._rebuild_tensor", tensor],
    ["torch._utils._rebuild_tensor_v2", tensor],
    ["torch._utils._rebuild_parameter", ([data]) => data],
    ...Object.entries(STORAGES).map(([name, dtype]): [string, Known] => [`torch.${name}`, new StorageType(dtype)]),
  ])
  return {
    invalid,
    find(name) {
      const object = known.get(name)
      if (object) return object
      const fix = "Save the model in bfloat16, float16 or float32, contiguous and dense."
      const storage = /^torch\.(\w+)Storage$/.exec(name)?.[1]
      if (storage)
        throw new UserError(`it has tensors of the type ${label(storage)}, which are not read`, { where: file, fix })
      // Quantised and sparse ones, and those of types that old releases did not have.
      const maker = /^torch\._utils\.(_rebuild_\w+)$/.exec(name)?.[1]
      if (maker)
        throw new UserError(`it has tensors of a rare kind, made by ${label(maker)}, which are not read`, {
          where: file,
          fix,
        })
      throw new UserError(
        `it holds a ${label(name)}; only tensors, dictionaries, lists, numbers and texts are read from PyTorch files, and nothing in them is run`,
        {
          where: file,
          fix: "Save the model as safetensors, or its state dictionary alone: torch.save(model.state_dict(), file).",
        },
      )
    },
    outside(id) {
      const [what, type, key, , elements, view] = Array.isArray(id) ? id : []
      if (what !== "storage" || !(type instanceof StorageType) || typeof key !== "string" || !isSize(elements))
        throw invalid(`it refers to ${shown(what)}, which is no storage`)
      const { dtype } = type
      if (view === null || view === undefined) return { key, dtype, elements, from: 0 } satisfies PickledStorage
      // A storage that is a part of another, in files of PyTorch before 0.4.
      const [, from, length] = Array.isArray(view) ? view : []
      if (!isSize(from) || !isSize(length))
        throw invalid(`its storage ${label(key)} is a part of another, but it is not said which`)
      return { key, dtype, elements: length, from } satisfies PickledStorage
    },
  }
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const MOST_PAIRS = 1 << 20

/** Axes that a tensor of torch can have at most. */
const MOST_AXES = 64

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= MOST_AXES && value.every(isSize)

const isStorage = (value: unknown): value is PickledStorage =>
  typeof value === "object" && value !== null && "elements" in value && "key" in value

/** Of a dictionary: none, or those that Python 2 wrote; undefined for anything else. */
function pairsOf([pairs = []]: readonly unknown[]): [unknown, unknown][] | undefined {
  const isPair = (pair: unknown): pair is [unknown, unknown] => Array.isArray(pair) && pair.length === 2
  return Array.isArray(pairs) && pairs.every(isPair) ? pairs : undefined
}
