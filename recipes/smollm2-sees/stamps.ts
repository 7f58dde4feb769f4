/** Stamps of Tux Paint, as Debian's tuxpaint-stamps-default has them: photographs and drawings, each beside a text that names it. */

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import sharp from "sharp"
import { writeFileAtomic } from "../../src/checkpoint/files.js"
import { messageOf, UserError } from "../../src/errors.js"
import type { Caption } from "./conversations.js"

const FIX = "give the folder of the stamps, such as /usr/share/tuxpaint/stamps, or leave --stamps out"
/** Where a stamp has both, the first is what Tux Paint shows. */
const KINDS = [".svg", ".png"]

/** A picture and what it shows. */
export interface Stamp {
  picture: string
  /** In English. */
  text: string
}

/** @throws UserError when there are none */
export function readStamps(folder: string): Stamp[] {
  const stamps = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".txt"))
    .sort()
    .flatMap((name): Stamp[] => {
      const path = join(folder, name.slice(0, -".txt".length))
      const kind = KINDS.find((kind) => existsSync(path + kind))
      // The first line; translations follow.
      const [text] = readFileSync(join(folder, name), "utf8").split("\n", 1)
      return kind === undefined || text.trim() === "" ? [] : [{ picture: path + kind, text: text.trim() }]
    })
  if (stamps.length === 0) throw new UserError("there are no stamps with texts", { where: folder, fix: FIX })
  return stamps
}

/**
 * Draws the stamps on white squares, as the other drawings are.
 * @param folder where they are written; those that are there are kept
 * @param size of a picture in pixels
 * @returns a caption for each, whose image is relative to `folder`
 */
export async function drawStamps(
  stamps: readonly Stamp[],
  folder: string,
  { size, signal, onDrawn }: { size: number; signal?: AbortSignal; onDrawn?: (done: number) => void },
): Promise<Caption[]> {
  await mkdir(folder, { recursive: true })
  const captions: Caption[] = []
  for (const [i, { picture, text }] of stamps.entries()) {
    signal?.throwIfAborted()
    const image = `${i}.png`
    const file = join(folder, image)
    if (!existsSync(file)) await writeFileAtomic(file, await onWhite(picture, size))
    captions.push({ image, text })
    onDrawn?.(i + 1)
  }
  return captions
}

/** @returns a PNG without transparency */
async function onWhite(picture: string, size: number): Promise<Buffer> {
  try {
    return await sharp(picture)
      .flatten({ background: "white" })
      .resize(size, size, { fit: "contain", background: "white" })
      .png()
      .toBuffer()
  } catch (cause) {
    throw new UserError(`the picture cannot be read: ${messageOf(cause)}`, { where: picture, fix: FIX, cause })
  }
}
