/** Where the names of points are written, so that they cover neither marks and lines nor each other. */

export interface Box {
  x: number
  y: number
  width: number
  height: number
}

export interface PointLabel {
  text: string
  /** Left end of the text's base line. */
  x: number
  y: number
}

/** Of a letter, on average. */
const LETTER = 6.4
const HEIGHT = 11

/** The width of a text in pixels, about. */
export const textWidth = (text: string): number => text.length * LETTER

/** What a line between two points covers. */
export function boxesOfLine([x, y]: readonly [number, number], [toX, toY]: readonly [number, number]): Box[] {
  const pieces = Math.ceil(Math.max(Math.abs(toX - x), Math.abs(toY - y)) / 4)
  return Array.from({ length: pieces }, (_, i) => {
    const part = i / pieces
    return { x: x + (toX - x) * part - 1, y: y + (toY - y) * part - 1, width: 2, height: 2 }
  })
}

/**
 * Beside a point, on the first side where it covers nothing; nowhere where every side is taken.
 * @param inside what it must not leave
 * @param taken what it must not cover; its own place is added
 */
export function placeLabel(text: string, x: number, y: number, inside: Box, taken: Box[]): PointLabel | undefined {
  const width = textWidth(text)
  const places = [
    { x: x - width / 2, y: y - 9 },
    { x: x - width / 2, y: y + 17 },
    { x: x + 8, y: y + 4 },
    { x: x - 8 - width, y: y + 4 },
    { x: x + 6, y: y - 7 },
    { x: x + 6, y: y + 15 },
  ]
  for (const place of places) {
    const box = { x: place.x, y: place.y - 9, width, height: HEIGHT }
    if (!holds(inside, box) || taken.some((other) => overlap(box, other))) continue
    taken.push(box)
    return { text, ...place }
  }
  return undefined
}

function holds(outer: Box, inner: Box): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  )
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}
