/** Calling any libtorch operator by name: arguments to the frame, results from it, errors with the shapes that caused them. */

import { type Device, type DType, deviceName, dtypeName } from "./dtype.js"
import { Generator } from "./generator.js"
import { collectIfNeeded, register } from "./memory.js"
import { ARGS, addon, COUNT, frame, OP, RESULTS, Tag, text, WARNINGS } from "./native.js"

/** A tensor as calls see it; tensor.ts has the class. */
export interface Handle {
  readonly handle: number
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** What an operator takes. `undefined` is the schema's default, `null` is None, BigInt an exact 64-bit integer. */
export type Value =
  | Handle
  | Generator
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | readonly number[]
  | readonly boolean[]
  | readonly (Handle | null)[]

/** What an operator returns. */
export type Result<T extends Handle> = T | number | boolean | null | T[] | number[]

type Construct = (handle: number, dtype: DType, shape: number[], device: Device) => Handle
let construct: Construct

/** tensor.ts hands over its constructor. */
export function setConstructor(make: Construct): void {
  construct = make
}

/** An error of an operator: libtorch's sentence, the operator and the shapes it was given. */
export class TorchError extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly operator?: string,
  ) {
    super(message)
    this.name = "TorchError"
  }
}

const encoder = new TextEncoder()
let textEnd = 0

function tooLong(): never {
  throw new RangeError("the arguments are too long for one operator call")
}

function writeArray(at: number, list: readonly unknown[]): number {
  if (at + list.length + 2 > frame.length) tooLong()
  const first = list[0]
  if (typeof first === "object" || (first === undefined && list.length > 0)) {
    frame[at++] = Tag.TENSORS
    frame[at++] = list.length
    for (const tensor of list) frame[at++] = tensor ? (tensor as Handle).handle : -1
  } else if (typeof first === "boolean") {
    frame[at++] = Tag.BOOLS
    frame[at++] = list.length
    for (const flag of list) frame[at++] = flag ? 1 : 0
  } else {
    frame[at++] = Tag.NUMBERS
    frame[at++] = list.length
    for (let i = 0; i < list.length; i++) frame[at++] = list[i] as number
  }
  return at
}

function writeText(at: number, value: string): number {
  const { written, read } = encoder.encodeInto(value, text.subarray(textEnd))
  if (read < value.length) tooLong()
  frame[at] = Tag.STRING
  frame[at + 1] = textEnd
  frame[at + 2] = written
  textEnd += written
  return at + 3
}

function write(at: number, value: Value): number {
  if (at + 4 > frame.length) tooLong()
  switch (typeof value) {
    case "object":
      if (value === null) {
        frame[at] = Tag.NONE
        return at + 1
      }
      if (Array.isArray(value)) return writeArray(at, value)
      if (value instanceof Generator) {
        frame[at] = Tag.GENERATOR
        frame[at + 1] = value.id
        return at + 2
      }
      frame[at] = Tag.TENSOR
      frame[at + 1] = (value as Handle).handle
      return at + 2
    case "number":
      frame[at] = Tag.NUMBER
      frame[at + 1] = value
      return at + 2
    case "boolean":
      frame[at] = Tag.BOOL
      frame[at + 1] = value ? 1 : 0
      return at + 2
    case "undefined":
      frame[at] = Tag.DEFAULT
      return at + 1
    case "string":
      return writeText(at, value)
    case "bigint":
      frame[at] = Tag.BIGINT
      frame[at + 1] = Number(BigInt.asIntN(32, value >> 32n))
      frame[at + 2] = Number(BigInt.asUintN(32, value))
      return at + 3
    default:
      throw new TypeError(`a ${typeof value} cannot be passed to an operator`)
  }
}

let cursor = 0

function readTensor(): Handle {
  const at = cursor
  const rank = frame[at + 5]
  const shape = new Array<number>(rank)
  for (let i = 0; i < rank; i++) shape[i] = frame[at + 6 + i]
  cursor = at + 6 + rank
  const tensor = construct(frame[at + 1], dtypeName(frame[at + 2]), shape, deviceName(frame[at + 3], frame[at + 4]))
  addon().track(tensor, tensor.handle)
  register(tensor)
  return tensor
}

function readResult(args: readonly Value[] | undefined): Result<Handle> {
  switch (frame[cursor]) {
    case Tag.TENSOR:
      return readTensor()
    case Tag.SAME:
      cursor += 2
      return args![frame[cursor - 1]] as Handle
    case Tag.NONE:
      cursor += 1
      return null
    case Tag.NUMBER:
      cursor += 2
      return frame[cursor - 1]
    case Tag.BOOL:
      cursor += 2
      return frame[cursor - 1] !== 0
    case Tag.TENSORS: {
      const count = frame[cursor + 1]
      cursor += 2
      return Array.from({ length: count }, readTensor)
    }
    case Tag.NUMBERLIST: {
      const count = frame[cursor + 1]
      cursor += 2 + count
      return Array.from(frame.subarray(cursor - count, cursor))
    }
    default:
      throw new Error(`internal: unknown result tag ${frame[cursor]}`)
  }
}

/** Reads the results the addon left in the frame. */
export function readResults(args?: readonly Value[]): Result<Handle>[] {
  const count = frame[RESULTS]
  // Constructing a tensor may collect garbage but never calls an operator, so the frame stays as it is.
  cursor = ARGS
  const results = new Array<Result<Handle>>(count)
  for (let i = 0; i < count; i++) results[i] = readResult(args)
  afterCall()
  return results
}

function afterCall(): void {
  collectIfNeeded()
  if (frame[WARNINGS] === 0) return
  for (const warning of addon().takeWarnings().split("\0")) if (warning) process.emitWarning(warning, "TorchWarning")
}

function describe(value: Value): string {
  if (Array.isArray(value))
    return value.length > 8 ? `[${value.length} values]` : `[${value.map((v) => describe(v as Value)).join(", ")}]`
  if (value !== null && typeof value === "object")
    return "shape" in value ? `${value.dtype}[${value.shape.join(", ")}]` : "generator"
  return String(value)
}

/** Throws an engine error again with the operator and its arguments; other errors as they are. */
function rethrow(operator: string, args: readonly Value[], error: unknown): never {
  const code = (error as { code?: string }).code
  if (!code?.startsWith("ERR_TORCH") || error instanceof TorchError) throw error
  const message = (error as Error).message
  throw new TorchError(`${message}\n  in ${operator}(${args.map(describe).join(", ")})`, code, operator)
}

/** Runs `body`, which calls the engine by other ways than an operator, with the same error messages. */
export function explained<T>(operator: string, args: readonly Value[], body: () => T): T {
  try {
    return body()
  } catch (error) {
    return rethrow(operator, args, error)
  }
}

/** An operator, looked up on its first call. `T` is the class whose constructor was handed over. */
export class Operator<T extends Handle> {
  #id = -1

  /** @param name such as "aten::add.Tensor" */
  constructor(readonly name: string) {}

  #resolve(): void {
    const dot = this.name.indexOf(".")
    this.#id =
      dot < 0 ? addon().resolve(this.name, "") : addon().resolve(this.name.slice(0, dot), this.name.slice(dot + 1))
  }

  /** Calls with positional arguments and returns every result. */
  callAll(args: readonly Value[]): Result<T>[] {
    this.#run(args)
    return readResults(args) as Result<T>[]
  }

  /** Calls an operator with one tensor result. */
  call(...args: Value[]): T {
    this.#run(args)
    cursor = ARGS
    const result = readResult(args) as T
    afterCall()
    return result
  }

  /** The bare operator in a native loop, for benchmarks: what it costs without the crossing. Seconds per call. */
  costWithoutCrossing(times: number, ...args: Value[]): number {
    this.#write(args)
    const start = performance.now()
    addon().repeat(times)
    return (performance.now() - start) / 1000 / times
  }

  #write(args: readonly Value[]): void {
    if (this.#id < 0) this.#resolve()
    textEnd = 0
    let at = ARGS
    for (let i = 0; i < args.length; i++) at = write(at, args[i])
    frame[OP] = this.#id
    frame[COUNT] = args.length
  }

  #run(args: readonly Value[]): void {
    try {
      this.#write(args)
      addon().call()
    } catch (error) {
      rethrow(this.name, args, error)
    }
  }
}
