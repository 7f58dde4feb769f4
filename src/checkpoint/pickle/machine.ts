/**
 * The part of Python's pickle format (protocols 2 to 5) that plain data needs: numbers, texts, lists, tuples and
 * dictionaries, and objects that the caller knows by name. A pickle is a program for a stack machine; here it can name
 * nothing that the caller does not allow, and what is not in this file is refused.
 */
import type { UserError } from "../../errors.js"
import { label } from "../../readable.js"
import type { Cursor } from "../cursor.js"

/** What a name of a pickle stands for: a function of this program, or a value. */
export type Known = ((args: readonly unknown[]) => unknown) | object

export interface PickleWorld {
  /** The object of a name such as "torch._utils._rebuild_tensor_v2"; throws where it is none that may be used. */
  find(name: string): Known
  /** The object that lies outside the pickle under this id. */
  outside(id: unknown): unknown
  invalid(reason: string): UserError
}

/** State dictionaries of the largest models have a few megabytes and some hundred thousand instructions. */
const MAX_BYTES = 64 << 20
const MAX_INSTRUCTIONS = 5_000_000

/** Bytes that a long integer may have: one of torch's marks has ten. */
const LONGEST_INTEGER = 64
const LONGEST_NAME = 500

/** Instructions by their byte. Others exist, for classes, sets, byte arrays and the text protocols: no weights need them. */
const INSTRUCTIONS = new Map<number, (machine: Machine, cursor: Cursor) => void>(
  Object.entries<[byte: number | string, run: (machine: Machine, cursor: Cursor) => void]>({
    PROTO: [0x80, (machine, cursor) => machine.protocol(cursor.u8())],
    FRAME: [0x95, (_, cursor) => cursor.length(1)],
    MARK: ["(", (machine) => machine.mark()],
    POP: ["0", (machine) => machine.drop()],
    POP_MARK: ["1", (machine) => machine.sinceMark()],
    DUP: ["2", (machine) => machine.push(machine.top())],
    NONE: ["N", (machine) => machine.push(null)],
    NEWTRUE: [0x88, (machine) => machine.push(true)],
    NEWFALSE: [0x89, (machine) => machine.push(false)],
    BININT: ["J", (machine, cursor) => machine.push(cursor.i32())],
    BININT1: ["K", (machine, cursor) => machine.push(cursor.u8())],
    BININT2: ["M", (machine, cursor) => machine.push(cursor.u16())],
    LONG1: [0x8a, (machine, cursor) => machine.integer(cursor.u8())],
    LONG4: [0x8b, (machine, cursor) => machine.integer(cursor.u32())],
    BINFLOAT: ["G", (machine, cursor) => machine.push(new DataView(cursor.bytes(8).buffer).getFloat64(0))],
    // Texts of Python 2, in the oldest files.
    SHORT_BINSTRING: ["U", (machine, cursor) => machine.text(cursor.u8())],
    BINSTRING: ["T", (machine, cursor) => machine.text(cursor.u32())],
    SHORT_BINUNICODE: [0x8c, (machine, cursor) => machine.text(cursor.u8())],
    BINUNICODE: ["X", (machine, cursor) => machine.text(cursor.u32())],
    BINUNICODE8: [0x8d, (machine, cursor) => machine.text(cursor.length(1))],
    EMPTY_LIST: ["]", (machine) => machine.push([])],
    LIST: ["l", (machine) => machine.push(machine.sinceMark())],
    APPEND: ["a", (machine) => machine.append(machine.last(1))],
    APPENDS: ["e", (machine) => machine.append(machine.sinceMark())],
    EMPTY_TUPLE: [")", (machine) => machine.push([])],
    TUPLE: ["t", (machine) => machine.push(machine.sinceMark())],
    TUPLE1: [0x85, (machine) => machine.push(machine.last(1))],
    TUPLE2: [0x86, (machine) => machine.push(machine.last(2))],
    TUPLE3: [0x87, (machine) => machine.push(machine.last(3))],
    EMPTY_DICT: ["}", (machine) => machine.push(new Map())],
    DICT: ["d", (machine) => machine.dictionary(machine.sinceMark())],
    SETITEM: ["s", (machine) => machine.set(machine.last(2))],
    SETITEMS: ["u", (machine) => machine.set(machine.sinceMark())],
    BINPUT: ["q", (machine, cursor) => machine.remember(cursor.u8())],
    LONG_BINPUT: ["r", (machine, cursor) => machine.remember(cursor.u32())],
    MEMOIZE: [0x94, (machine) => machine.remember()],
    BINGET: ["h", (machine, cursor) => machine.recall(cursor.u8())],
    LONG_BINGET: ["j", (machine, cursor) => machine.recall(cursor.u32())],
    GLOBAL: ["c", (machine) => machine.named(machine.line(), machine.line())],
    STACK_GLOBAL: [0x93, (machine) => machine.named(...machine.last(2))],
    REDUCE: ["R", (machine) => machine.call(...machine.last(2))],
    BUILD: ["b", (machine) => machine.attributes()],
    BINPERSID: ["Q", (machine) => machine.push(machine.world.outside(machine.pop()))],
  }).map(([, [byte, run]]) => [typeof byte === "number" ? byte : byte.charCodeAt(0), run]),
)
const STOP = 0x2e

/**
 * The object of the pickle at the cursor, which then stands behind it. Lists and tuples are arrays, dictionaries maps,
 * None is null; integers beyond 2⁵³ are bigints.
 * @throws UserError for what is damaged, has no end, or names what the caller does not allow
 */
export function unpickle(cursor: Cursor, world: PickleWorld): unknown {
  const machine = new Machine(cursor, world)
  const start = cursor.position
  for (let done = 0; done < MAX_INSTRUCTIONS; done++) {
    const byte = cursor.u8()
    if (byte === STOP) return machine.result()
    const run = INSTRUCTIONS.get(byte)
    if (!run) throw world.invalid(`its pickle has the instruction 0x${byte.toString(16)} at ${cursor.position - 1}`)
    run(machine, cursor)
    if (cursor.position - start > MAX_BYTES) break
  }
  throw world.invalid("its pickle is larger than that of any model")
}

class Machine {
  #stack: unknown[] = []
  /** Stacks below a mark. */
  readonly #below: unknown[][] = []
  readonly #memo = new Map<number, unknown>()

  constructor(
    readonly cursor: Cursor,
    readonly world: PickleWorld,
  ) {}

  result(): unknown {
    if (this.#below.length > 0 || this.#stack.length !== 1) throw this.#damaged()
    return this.#stack[0]
  }

  protocol(version: number): void {
    if (version > 5) throw this.world.invalid(`its pickle is of protocol ${version}; known are 2 to 5`)
  }

  mark(): void {
    this.#below.push(this.#stack)
    this.#stack = []
  }

  #damaged(): UserError {
    return this.world.invalid(`its pickle is damaged near byte ${this.cursor.position}`)
  }

  push(value: unknown): void {
    this.#stack.push(value)
  }

  pop(): unknown {
    if (this.#stack.length === 0) throw this.#damaged()
    return this.#stack.pop()
  }

  /** The last value, or an empty mark. */
  drop(): void {
    if (this.#stack.length === 0) this.sinceMark()
    else this.pop()
  }

  top(): unknown {
    if (this.#stack.length === 0) throw this.#damaged()
    return this.#stack.at(-1)
  }

  last(count: number): unknown[] {
    if (this.#stack.length < count) throw this.#damaged()
    return this.#stack.splice(-count)
  }

  sinceMark(): unknown[] {
    const since = this.#stack
    const below = this.#below.pop()
    if (!below) throw this.#damaged()
    this.#stack = below
    return since
  }

  remember(place = this.#memo.size): void {
    this.#memo.set(place, this.top())
  }

  recall(place: number): void {
    if (!this.#memo.has(place)) throw this.#damaged()
    this.push(this.#memo.get(place))
  }

  append(items: readonly unknown[]): void {
    const list = this.top()
    if (!Array.isArray(list)) throw this.#damaged()
    for (const item of items) list.push(item)
  }

  dictionary(items: readonly unknown[]): void {
    this.push(new Map())
    this.set(items)
  }

  set(items: readonly unknown[]): void {
    const dictionary = this.top()
    if (!(dictionary instanceof Map) || items.length % 2 !== 0) throw this.#damaged()
    for (let i = 0; i < items.length; i += 2) dictionary.set(items[i], items[i + 1])
  }

  named(module?: unknown, name?: unknown): void {
    if (typeof module !== "string" || typeof name !== "string") throw this.#damaged()
    this.push(this.world.find(`${module}.${name}`))
  }

  call(known?: unknown, args?: unknown): void {
    if (typeof known !== "function" || !Array.isArray(args)) throw this.#damaged()
    this.push(known(args))
  }

  /** Those of a dictionary, such as the versions of modules, are nothing that is used; other objects have none. */
  attributes(): void {
    this.pop()
    if (!(this.top() instanceof Map)) throw this.#damaged()
  }

  /** Two's complement, the lowest byte first. */
  integer(bytes: number): void {
    if (bytes > LONGEST_INTEGER) throw this.world.invalid(`its pickle has an integer of ${bytes} bytes`)
    const digits = [...this.cursor.bytes(bytes)].reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
    const value = BigInt.asIntN(8 * bytes, digits)
    this.push(Number.isSafeInteger(Number(value)) ? Number(value) : value)
  }

  text(bytes: number): void {
    if (bytes > MAX_BYTES) throw this.world.invalid(`its pickle has a text of ${bytes} bytes`)
    const text = this.cursor.text(bytes)
    if (text === undefined) throw this.world.invalid("a text of its pickle is not UTF-8")
    this.push(text)
  }

  line(): string {
    let line = ""
    for (let byte = this.cursor.u8(); byte !== 0x0a; byte = this.cursor.u8()) {
      line += String.fromCharCode(byte)
      if (line.length > LONGEST_NAME) throw this.world.invalid(`its pickle names ${label(line)}`)
    }
    return line
  }
}
