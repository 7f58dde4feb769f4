/** Which pictures are sent as they are, and how large others become. */

/** What servers take as it is. */
const SENT_AS_IS = ["image/png", "image/jpeg", "image/webp", "image/gif"]
/** Larger files are encoded anew. */
const MOST_BYTES = 4_000_000
/** The longer side: models see no more of a picture. */
const LONGEST_SIDE = 2048

export interface PictureFile {
  type: string
  /** Bytes. */
  size: number
  width: number
  height: number
}

/** The size at which a picture is drawn and encoded anew; undefined where the file itself can be sent. */
export function redrawnSize({ type, size, width, height }: PictureFile): { width: number; height: number } | undefined {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height))
  if (scale === 1 && size <= MOST_BYTES && SENT_AS_IS.includes(type)) return undefined
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
}
