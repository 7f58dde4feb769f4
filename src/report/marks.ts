/** What charts are drawn with: colours, marks, words. */

import { escapeHtml } from "./html.js"

const COLOURS = ["#1f66b0", "#c2640c", "#14805a", "#9a3f92", "#7d7416", "#5f6771"]
export const colour = (i: number) => `var(--series-${(i % COLOURS.length) + 1}, ${COLOURS[i % COLOURS.length]})`
const TEXT = "var(--text, #1c1e21)"
export const SOFT = "var(--soft, #5c636b)"
export const LINE = "var(--line, #d9dde2)"
const PAGE = "var(--page, #ffffff)"

/** Series differ by shape as well as by colour. */
export function mark(series: number, x: number, y: number, title = ""): string {
  const shapes = [
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
    "M-4 -4H4V4H-4Z",
    "M0 -5L5 4H-5Z",
    "M0 -5.5L5.5 0L0 5.5L-5.5 0Z",
    "M-5 -4H5L0 5Z",
    "M-5 -2H5V2H-5Z",
  ]
  return `<path transform="translate(${round(x)} ${round(y)})" d="${shapes[series % shapes.length]}" fill="${colour(series)}">${title && `<title>${escapeHtml(title)}</title>`}</path>`
}

interface TextStyle {
  anchor?: "start" | "middle" | "end"
  fill?: string
  size?: number
  /** Readable on a line. */
  halo?: boolean
}

export function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { anchor = "start", fill = TEXT, size = 11.5, halo = false } = style
  if (content === "") return ""
  const behind = halo ? ` stroke="${PAGE}" stroke-width="3" paint-order="stroke"` : ""
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${fill}" font-size="${size}"${behind}>${escapeHtml(content)}</text>`
}

/** Tenths of a pixel are enough. */
export function round(value: number): number {
  return Math.round(value * 10) / 10
}
