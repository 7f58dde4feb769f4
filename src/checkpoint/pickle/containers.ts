/** The two forms in which torch.save puts a pickle and the storages it refers to into a file. */
import type { UserError } from "../../errors.js"
import { label, shown } from "../../readable.js"
import { Cursor } from "../cursor.js"
import { ELEMENT_BYTES } from "../element-types.js"
import { type PickleWorld, unpickle } from "./machine.js"
import { StoredZip } from "./stored-zip.js"
import type { PickledStorage } from "./torch-objects.js"

export interface Container {
  /** The object that was saved. */
  object: unknown
  /** Where a storage lies in the file, in bytes; throws where it is not whole. */
  place(storage: PickledStorage): { offset: number; bytes: number }
}

/** An open file. */
export interface OpenFile {
  descriptor: number
  file: string
  bytes: number
}

/** Since PyTorch 1.6: a zip archive with data.pkl, and a file for each storage. */
export function openZip({ descriptor, file, bytes }: OpenFile, world: PickleWorld): Container {
  const zip = new StoredZip(descriptor, file, bytes, world.invalid)
  const pickles = zip.names.filter((name) => /^[^/]+\/data\.pkl$/.test(name))
  if (pickles.length !== 1) throw world.invalid(`its archive holds ${pickles.length === 0 ? "no" : "several"} data.pkl`)
  const [folder] = pickles[0].split("/")
  if (zip.names.includes(`${folder}/constants.pkl`)) throw world.invalid("it is a TorchScript program, not weights")
  const order = zip.find(`${folder}/byteorder`)
  if (order && textOf(descriptor, file, order, world) !== "little")
    throw world.invalid("its numbers are not little-endian")
  const pickle = zip.find(pickles[0])!
  const object = unpickle(cursorOf(descriptor, file, pickle, world), world)
  return {
    object,
    place({ key }) {
      const found = zip.find(`${folder}/data/${key}`)
      if (!found) throw world.invalid(`it refers to the storage ${label(key)}, which is not in its archive`)
      return found
    },
  }
}

const textOf = (
  descriptor: number,
  file: string,
  place: { offset: number; bytes: number },
  world: PickleWorld,
): string =>
  cursorOf(descriptor, file, { ...place, bytes: Math.min(place.bytes, 16) }, world).text(Math.min(place.bytes, 16)) ??
  ""

function cursorOf(
  descriptor: number,
  file: string,
  { offset, bytes }: { offset: number; bytes: number },
  { invalid }: PickleWorld,
): Cursor {
  return new Cursor(descriptor, file, offset + bytes, () => invalid("it ends in the middle of a value"), offset)
}

const MAGIC = 0x1950a86a20f9469cfc6cn
const PROTOCOL = 1001

/**
 * Before PyTorch 1.6: pickles one after the other (a mark, a version, the machine, the object, the keys of its storages),
 * then the storages.
 */
export function openLegacy({ descriptor, file, bytes }: OpenFile, world: PickleWorld): Container {
  const cursor = cursorOf(descriptor, file, { offset: 0, bytes }, world)
  // What the object refers to says how long the elements of each storage are.
  const types = new Map<string, PickledStorage["dtype"]>()
  const noting: PickleWorld = {
    ...world,
    outside(id) {
      const storage = world.outside(id) as PickledStorage
      if ((types.get(storage.key) ?? storage.dtype) !== storage.dtype)
        throw world.invalid(`its storage ${label(storage.key)} has two types`)
      types.set(storage.key, storage.dtype)
      return storage
    },
  }
  if (unpickle(cursor, world) !== MAGIC) throw world.invalid("it is a pickle that torch.save has not written")
  const version = unpickle(cursor, world)
  if (version !== PROTOCOL) throw world.invalid(`it has the version ${shown(version)}, not ${PROTOCOL}`)
  const machine = unpickle(cursor, world)
  if (machine instanceof Map && machine.get("little_endian") === false)
    throw world.invalid("its numbers are not little-endian")
  const object = unpickle(cursor, noting)
  const keys = unpickle(cursor, world)
  if (!Array.isArray(keys)) throw world.invalid("it has no list of its storages")
  const places = readPlaces(cursor, keys, types, world)
  return {
    object,
    place({ key }) {
      const found = places.get(key)
      if (!found) throw world.invalid(`it refers to the storage ${label(key)}, which it does not hold`)
      return found
    },
  }
}

function readPlaces(
  cursor: Cursor,
  keys: readonly unknown[],
  types: ReadonlyMap<string, PickledStorage["dtype"]>,
  { invalid }: { invalid: (reason: string) => UserError },
): Map<string, { offset: number; bytes: number }> {
  const places = new Map<string, { offset: number; bytes: number }>()
  for (const key of keys) {
    const dtype = typeof key === "string" ? types.get(key) : undefined
    if (dtype === undefined || places.has(key as string))
      throw invalid(`it lists the storage ${shown(key)}, which ${dtype ? "is listed already" : "nothing refers to"}`)
    const elements = Number(cursor.u64())
    const bytes = elements * ELEMENT_BYTES[dtype]
    if (bytes > cursor.left)
      throw invalid(
        `its storage ${label(key as string)} of ${bytes} bytes reaches beyond the end of the file: it is incomplete`,
      )
    places.set(key as string, { offset: cursor.position, bytes })
    cursor.skip(bytes)
  }
  return places
}
