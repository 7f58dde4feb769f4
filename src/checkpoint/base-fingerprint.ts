/** A few weights of the model that an adapter was trained on, kept in the adapter's file: on other weights it means nothing. */

import { ELEMENT_BYTES, isFloatType, toFloat32 } from "./element-types.js"
import { readPieces, type TensorLocation } from "./safetensors/safetensors.js"
import type { TensorView } from "./tensor-view.js"

const KEY = "base_weights"
const TENSORS = 48
const VALUES = 6

type Samples = [name: string, values: number[]][]

/** Metadata for the adapter's safetensors file. Weights that are not simply a place in a file are left out. */
export function fingerprintOf(tensors: ReadonlyMap<string, TensorView>): Record<string, string> {
  const plain = [...tensors].flatMap(([name, view]): [string, TensorLocation][] => {
    return "offset" in view && isFloatType(view.dtype) ? [[name, view]] : []
  })
  const step = Math.max(1, Math.ceil(plain.length / TENSORS))
  const samples: Samples = plain
    .filter((_, i) => i % step === 0)
    .map(([name, location]) => [name, placesOf(location).map((place) => valueAt(location, place))])
  return samples.length > 0 ? { [KEY]: JSON.stringify(samples) } : {}
}

/**
 * The first weight that differs from what an adapter's file says, or undefined. Other types round: that is no difference.
 * Quantised weights are not compared.
 */
export function differingWeight(
  metadata: Readonly<Record<string, string>>,
  tensors: ReadonlyMap<string, TensorView>,
): string | undefined {
  for (const [name, values] of parse(metadata[KEY])) {
    const view = tensors.get(name)
    if (!view || !("offset" in view)) continue
    const places = placesOf(view)
    if (places.length !== values.length || places.some((place, i) => !isClose(valueAt(view, place), values[i])))
      return name
  }
  return undefined
}

/** Of a file that anybody may have written. */
function parse(text: string | undefined): Samples {
  if (text === undefined) return []
  try {
    const value: unknown = JSON.parse(text)
    if (!Array.isArray(value)) return []
    return value.filter(
      (entry): entry is Samples[number] =>
        Array.isArray(entry) &&
        typeof entry[0] === "string" &&
        Array.isArray(entry[1]) &&
        entry[1].every((number: unknown) => typeof number === "number"),
    )
  } catch {
    return []
  }
}

/** Elements spread over a tensor. */
function placesOf({ shape }: TensorLocation): number[] {
  const size = shape.reduce((a, b) => a * b, 1)
  const count = Math.min(VALUES, size)
  return Array.from({ length: count }, (_, i) => Math.floor(((2 * i + 1) * size) / (2 * count)))
}

function valueAt(location: TensorLocation, place: number): number {
  const bytes = ELEMENT_BYTES[location.dtype]
  const [piece] = readPieces({ ...location, shape: [1], offset: location.offset + place * bytes, bytes })
  return toFloat32(piece, location.dtype)[0]
}

/** As near as rounding to bfloat16 leaves them. */
const isClose = (a: number, b: number): boolean =>
  (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= 2 ** -8 * Math.max(Math.abs(a), Math.abs(b)) + 1e-7
