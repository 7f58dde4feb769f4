/** Width and height of a picture, checked before anything of its size is made. */

import { UserError } from "../errors.js"
import { MAXIMUM_PIXELS } from "./memory.js"

export interface PictureSize {
  width: number
  height: number
}

/** @throws UserError for a picture without pixels, or of more than are ever decoded */
export function checkSize({ width, height }: PictureSize): void {
  const isPicture = Number.isSafeInteger(width) && Number.isSafeInteger(height) && width > 0 && height > 0
  if (!isPicture) throw new UserError(`the image is ${width} × ${height}: it has no pixels`)
  if (width * height > MAXIMUM_PIXELS)
    throw new UserError(`the image has ${width} × ${height} pixels, more than the ${MAXIMUM_PIXELS} allowed`, {
      fix: "make it smaller first",
    })
}
