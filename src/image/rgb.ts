/** A picture as everything in this folder passes it on. */

export interface RgbImage {
  width: number
  height: number
  /** [height, width, 3] */
  data: Uint8Array
}
