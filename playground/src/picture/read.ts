/** Pictures from files, as data URIs; huge ones are scaled down here, so that they need not travel. */

import type { Picture } from "../protocol/request.js"
import { redrawnSize } from "./fit.js"

/** @throws Error with a sentence, where the browser cannot show the file */
export async function readPicture(file: File): Promise<Picture> {
  const name = file.name || "picture.png"
  const bitmap = await createImageBitmap(file).catch(() => undefined)
  if (!bitmap) throw new Error(`${name} is no picture that this browser can show.`)
  try {
    const { width, height } = bitmap
    const redrawn = redrawnSize({ type: file.type, size: file.size, width, height })
    if (!redrawn) return { name, url: await dataUri(file), width, height }
    return { name, url: redraw(bitmap, redrawn), ...redrawn }
  } finally {
    bitmap.close()
  }
}

/** As JPEG, on white where it is transparent. */
function redraw(bitmap: ImageBitmap, { width, height }: { width: number; height: number }): string {
  const canvas = document.createElement("canvas")
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext("2d") as CanvasRenderingContext2D
  context.fillStyle = "#fff"
  context.fillRect(0, 0, width, height)
  context.imageSmoothingQuality = "high"
  context.drawImage(bitmap, 0, 0, width, height)
  return canvas.toDataURL("image/jpeg", 0.92)
}

function dataUri(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(reader.result as string)
    reader.onerror = () => reject(new Error("The file could not be read."))
    reader.readAsDataURL(file)
  })
}

/** The pictures among what was dropped, pasted or chosen. */
export const picturesIn = (files: FileList | undefined | null): File[] =>
  [...(files ?? [])].filter(({ type }) => type.startsWith("image/"))
