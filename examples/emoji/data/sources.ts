/** The npm packages the demo's data comes from: emojibase's names and Iconify's drawings, joined by code point. */

import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { UserError } from "../../../src/errors.js"

export const VENDORS = ["twemoji", "noto", "fluent-emoji-flat", "openmoji"] as const
export type Vendor = (typeof VENDORS)[number]

/** Group keys of emojibase. */
export const GROUPS = [
  "smileys-emotion",
  "people-body",
  "animals-nature",
  "food-drink",
  "travel-places",
  "activities",
  "objects",
  "symbols",
  "flags",
] as const
export type Group = (typeof GROUPS)[number]

/** One emoji as emojibase describes it. */
export interface Emoji {
  /** Code points in lower-case hexadecimal, joined by "-", without the variation selector FE0F. */
  code: string
  /** Lower case. */
  name: string
  group: Group
  /** As text: "food and drink". */
  groupName: string
  /** As text: "sweets and candy". */
  category: string
  /** Lower case, the ones that describe most emojis first. */
  tags: string[]
}

export interface Drawings {
  vendor: Vendor
  /** The drawing of a code as an SVG document; undefined where the vendor has none. */
  svg(code: string): string | undefined
  licence: DrawingLicence
  version: string
}

/** What a model card must name. */
export interface DrawingLicence {
  vendor: Vendor
  author: string
  url: string
  licence: string
  spdx: string
}

const NAMES_PACKAGE = "emojibase-data"
const requirePackage = createRequire(import.meta.url)

/** Reads a JSON file of an installed npm package. */
function readPackage<T>(name: string, file: string): T {
  let folder: string
  try {
    folder = dirname(requirePackage.resolve(`${name}/package.json`))
  } catch (cause) {
    throw new UserError(`the npm package ${name} is not installed`, { fix: "Run npm install.", cause })
  }
  return JSON.parse(readFileSync(join(folder, file), "utf8")) as T
}

interface EmojibaseEntry {
  label: string
  hexcode: string
  tags?: string[]
  group?: number
  subgroup?: number
}
interface EmojibaseMessages {
  groups: { key: string; message: string; order: number }[]
  subgroups: { message: string; order: number }[]
}

/** emojibase's top-level entries, in its order: skin tones are nested below them and so left out. */
export function loadEmojis(): Emoji[] {
  const entries = readPackage<EmojibaseEntry[]>(NAMES_PACKAGE, "en/data.json")
  const messages = readPackage<EmojibaseMessages>(NAMES_PACKAGE, "en/messages.json")
  const groups = new Map(messages.groups.map((group) => [group.order, group]))
  // Two subgroups share a number, the abandoned one comes first: the later entry wins.
  const categories = new Map(messages.subgroups.map((subgroup) => [subgroup.order, subgroup.message]))
  const tagCounts = new Map<string, number>()
  for (const tag of entries.flatMap((entry) => entry.tags ?? [])) tagCounts.set(tag, (tagCounts.get(tag) ?? 0) + 1)
  const byCount = (a: string, b: string) => tagCounts.get(b)! - tagCounts.get(a)! || (a < b ? -1 : 1)

  return entries.flatMap((entry) => {
    const group = groups.get(entry.group ?? -1)
    const key = GROUPS.find((name) => name === group?.key)
    if (!group || !key) return []
    return {
      code: normalCode(entry.hexcode),
      name: plainText(entry.label),
      group: key,
      groupName: plainText(group.message),
      category: plainText(categories.get(entry.subgroup ?? -1) ?? group.message),
      tags: [...(entry.tags ?? [])].sort(byCount).map(plainText),
    }
  })
}

interface IconSet {
  icons: Record<string, { body: string; left?: number; top?: number; width?: number; height?: number }>
  width?: number
  height?: number
}
interface IconInfo {
  author: { name: string; url?: string }
  license: { title: string; spdx?: string; url?: string }
}

export function loadDrawings(vendor: Vendor): Drawings {
  const name = `@iconify-json/${vendor}`
  const set = readPackage<IconSet>(name, "icons.json")
  const codes = readPackage<Record<string, string>>(name, "chars.json")
  const info = readPackage<IconInfo>(name, "info.json")
  const icons = new Map(Object.entries(codes).map(([code, icon]) => [normalCode(code), icon]))
  return {
    vendor,
    version: packageVersion(vendor),
    licence: {
      vendor,
      author: info.author.name,
      url: info.author.url ?? "",
      licence: info.license.title,
      spdx: info.license.spdx ?? info.license.title,
    },
    svg(code) {
      const icon = set.icons[icons.get(code) ?? ""]
      if (!icon) return undefined
      const width = icon.width ?? set.width ?? 16
      const height = icon.height ?? set.height ?? 16
      const box = `${icon.left ?? 0} ${icon.top ?? 0} ${width} ${height}`
      const spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
      return `<svg ${spaces} viewBox="${box}" width="${width}" height="${height}">${icon.body}</svg>`
    },
  }
}

/** The installed version of a vendor's npm package, or of the one with the names. Cheap: no drawing is read. */
export function packageVersion(source: Vendor | "names"): string {
  const name = source === "names" ? NAMES_PACKAGE : `@iconify-json/${source}`
  return readPackage<{ version: string }>(name, "package.json").version
}

/** Vendors disagree on where FE0F belongs; without it a code is the same everywhere. */
function normalCode(code: string): string {
  return code
    .toLowerCase()
    .split("-")
    .filter((point) => point !== "fe0f")
    .join("-")
}

/** Lower case, composed, straight apostrophes, words for signs. */
function plainText(text: string): string {
  return text
    .normalize("NFC")
    .toLowerCase()
    .replaceAll("’", "'")
    .replaceAll(/[“”]/g, "")
    .replaceAll(" & ", " and ")
    .replaceAll(" / ", " or ")
}
