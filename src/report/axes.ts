/** The two axes of a chart, and the room that they leave between them. */

import { LINE, round, SOFT, text } from "./marks.js"
import { textWidth } from "./point-labels.js"
import { type Ends, type Scale, scale, ticks, tickTexts } from "./scale.js"

export interface Axis extends Ends {
  label: string
}

export interface ChartSize {
  /** @default 480 */
  width?: number
  /** @default 290 */
  height?: number
}

const MARGIN = { left: 12, right: 16, top: 8, bottom: 44 }

export interface Frame {
  left: number
  right: number
  top: number
  bottom: number
  width: number
  height: number
  y: Scale
  /** Values of the y axis that are written, and how. */
  ticks: { value: number; text: string }[]
}

/** What is written at the y axis decides how much room is left beside it. */
export function frameOf({ width = 480, height = 290 }: ChartSize, axis: Axis, values: number[]): Frame {
  const [top, bottom] = [MARGIN.top + 8, height - MARGIN.bottom]
  const y = scale(values, axis, bottom, top)
  const at = ticks(y)
  const texts = tickTexts(at, y.log)
  const widest = Math.max(...texts.map(textWidth))
  const left = MARGIN.left + (axis.label ? 16 : 0) + widest + 7
  const marks = at.map((value, i) => ({ value, text: texts[i] }))
  return { left, right: width - MARGIN.right, top, bottom, width, height, y, ticks: marks }
}

/** The y axis: a line over the whole chart at each tick. */
export function horizontal({ left, right, top, bottom, y, ticks }: Frame, label: string): string {
  const rows = ticks.map(({ value, text: written }) => {
    const at = round(y.at(value))
    const line = `<line x1="${left}" x2="${right}" y1="${at}" y2="${at}" stroke="${LINE}"/>`
    return line + text(left - 7, at + 4, written, { anchor: "end", fill: SOFT })
  })
  const middle = round((top + bottom) / 2)
  const turned = `<g transform="rotate(-90 12 ${middle})">${text(12, middle, label, { anchor: "middle", fill: SOFT })}</g>`
  return [...rows, `<line x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}" stroke="${SOFT}"/>`, turned].join("")
}

/** The x axis. */
export function vertical({ left, right, bottom }: Frame, x: Scale, label: string): string {
  const at = ticks(x)
  const texts = tickTexts(at, x.log)
  const columns = at.map((value, i) => {
    const place = round(x.at(value))
    const line = `<line x1="${place}" x2="${place}" y1="${bottom}" y2="${bottom + 4}" stroke="${SOFT}"/>`
    return line + text(place, bottom + 17, texts[i], { anchor: "middle", fill: SOFT })
  })
  return columns.join("") + text((left + right) / 2, bottom + 36, label, { anchor: "middle", fill: SOFT })
}
