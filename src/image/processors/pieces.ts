/** What pictures stand for in a prompt, and how they are made ready: the contract of the processors in this folder. */

import type { PictureSize } from "../picture-size.js"
import type { RgbImage } from "../rgb.js"

/** A part of what a picture stands for: text, whose marks are tokens, or so many tokens that its features take the place of. */
export type ImagePiece = string | number

/** Tokens that features take the place of. */
export const tokensOf = (pieces: readonly ImagePiece[]): number =>
  pieces.reduce<number>((sum, piece) => sum + (typeof piece === "number" ? piece : 0), 0)

/** Prepares pictures: plain data in, plain data out. `P` is what the family's tower takes. */
export interface PictureProcessor<P> {
  /**
   * What a picture of this size stands for, known without its pixels.
   * @param among pictures of the conversation; more than one are not tiled by some families. @default 1
   * @throws UserError for a size that cannot be prepared
   */
  pieces(size: PictureSize, among?: number): ImagePiece[]
  /**
   * Makes it ready, with turns of the event loop between the pieces of the work.
   * @throws UserError for a picture that cannot be prepared
   */
  prepare(image: RgbImage, among?: number): Promise<P>
}
