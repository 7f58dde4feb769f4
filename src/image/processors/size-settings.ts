/** Sizes in image-processor settings, which can be a number, or an object with one of several sets of keys. */

import { isObject, type Json } from "../../checkpoint/json.js"
import { shown } from "../../readable.js"
import type { PictureSize } from "../picture-size.js"
import type { SettingsReader } from "./pixel-settings.js"

/** Far beyond what any model is published with. */
const LARGEST = 1 << 16

export const isSide = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= LARGEST

/**
 * A size of one of the forms that a processor takes.
 * @param forms sets of keys that are understood; the first that is there counts
 * @param bare the keys that a number alone stands for, if it may stand there
 * @throws UserError naming file and key for another form, or a side that is no whole number from 1 to 65536
 */
export function sizeSetting<K extends string>(
  reader: SettingsReader,
  key: string,
  { forms, bare, otherwise }: { forms: readonly (readonly K[])[]; bare?: readonly K[]; otherwise: Json },
): Partial<Record<K, number>> {
  const value = reader.values[key] ?? otherwise
  const object = typeof value === "number" && bare ? Object.fromEntries(bare.map((name) => [name, value])) : value
  const form = isObject(object) ? forms.find((keys) => keys.every((name) => object[name] != null)) : undefined
  if (!form) {
    const known = forms.map((keys) => `{ ${keys.join(", ")} }`).join(" or ")
    return reader.refuse(key, `is ${shown(value)}, not ${known}`)
  }
  const sides = object as Record<string, unknown>
  for (const name of form)
    if (!isSide(sides[name]))
      reader.refuse(`${key}.${name}`, `is ${shown(sides[name])}, not a whole number from 1 to ${LARGEST}`)
  return Object.fromEntries(form.map((name) => [name, sides[name]])) as Partial<Record<K, number>>
}

/** Height and width. */
export const exactSize = (reader: SettingsReader, key: string, otherwise: Json, bare = true): PictureSize =>
  sizeSetting(reader, key, {
    forms: [["height", "width"]],
    ...(bare && { bare: ["height", "width"] as const }),
    otherwise,
  }) as unknown as PictureSize
