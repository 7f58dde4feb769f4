/** Charts as SVG text: lines, scattered points, bars. Colours come from the page's variables, with defaults. */

import { escapeHtml, Html } from "./html.js"
import { bands, type Scale, scale, ticks } from "./scale.js"

export interface Axis {
  label: string
  /** Logarithmic: values that are not positive are left out. @default false */
  log?: boolean
  /** Ends of the axis, where the data alone should not decide. */
  from?: number
  to?: number
}

interface Point {
  x: number
  y: number
  /** Written beside the mark. */
  label?: string
}

export interface Series {
  name: string
  /** Drawn as marks. */
  points?: readonly Point[]
  /** Joined in their order. */
  line?: readonly Point[]
}

export interface ChartOptions {
  /** Read out for those who cannot see the chart, and shown above it. */
  title: string
  /** @default 560 */
  width?: number
  /** @default 340 */
  height?: number
}

const COLOURS = ["#1f66b0", "#c2640c", "#14805a", "#9a3f92", "#7d7416", "#5f6771"]
const MARGIN = { left: 58, right: 18, top: 30, bottom: 46 }
const LEGEND_ROW = 18
const LETTER = 6.2
/** Longer lines are averaged: more points than this cannot be told apart. */
const LINE_POINTS = 240

const colour = (i: number) => `var(--series-${(i % COLOURS.length) + 1}, ${COLOURS[i % COLOURS.length]})`
const TEXT = "var(--text, #1c1e21)"
const SOFT = "var(--soft, #5c636b)"
const LINE = "var(--line, #d9dde2)"

/** Lines, points or both over two axes of numbers. */
export function xyChart(options: ChartOptions & { x: Axis; y: Axis; series: readonly Series[] }): Html {
  const { x, y } = options
  const usable = (points: readonly Point[] = []) => points.filter((point) => drawable(point, x, y))
  const series = options.series.map(({ name, points, line }) => ({ name, points: usable(points), line: usable(line) }))
  const all = series.flatMap(({ points, line }) => [...points, ...line])
  const frame = makeFrame(
    options,
    series.map(({ name }) => name),
  )
  const toX = scale(
    all.map((p) => p.x),
    x,
    frame.left,
    frame.right,
  )
  const toY = scale(
    all.map((p) => p.y),
    y,
    frame.bottom,
    frame.top,
  )
  const toPixels = ({ x, y }: Point) => [toX.at(x), toY.at(y)] as const
  const taken: Box[] = series
    .flatMap(({ points }) => points.map(toPixels))
    .map(([x, y]) => ({ x: x - 4, y: y - 4, width: 8, height: 8 }))
  const body = series.map(({ name, points, line }, i) => {
    const path = average(line).map((point, j) => `${j === 0 ? "M" : "L"}${toPixels(point).map(round).join(" ")}`)
    const stroke = `<path d="${path.join("")}" fill="none" stroke="${colour(i)}" stroke-width="1.6" stroke-linejoin="round"/>`
    const marks = points.map((point) => {
      const title = `${name}: ${point.label ?? ""} (${show(point.x)}, ${show(point.y)})`
      return mark(i, ...toPixels(point), title) + pointLabel(point, ...toPixels(point), frame, taken)
    })
    return (path.length > 1 ? stroke : "") + marks.join("")
  })
  const empty = all.length === 0 ? text(frame.left + 12, frame.top + 24, "no data", { fill: SOFT }) : ""
  return drawing(options, frame, axes(frame, toX, toY, x.label, y.label) + body.join("") + empty)
}

/** Groups of bars from zero up; a value may be missing. */
export function barChart(
  options: ChartOptions & {
    y: Axis
    groups: readonly string[]
    series: readonly { name: string; values: readonly (number | undefined)[] }[]
  },
): Html {
  const { groups, series, y } = options
  const frame = makeFrame(
    options,
    series.map(({ name }) => name),
  )
  const values = series
    .flatMap((entry) => entry.values)
    .filter((value) => value !== undefined && Number.isFinite(value)) as number[]
  const toY = scale([0, ...values], { from: 0, ...y }, frame.bottom, frame.top)
  const bars = groups.map((group, g) => {
    const [start, width] = bands(frame.left, frame.right, groups.length, g)
    const bar = series.map(({ name, values }, i) => {
      const value = values[g]
      if (value === undefined || !Number.isFinite(value)) return ""
      const [left, each] = bands(start + width * 0.1, start + width * 0.9, series.length, i)
      const top = toY.at(value)
      return `<rect x="${round(left + 1)}" y="${round(top)}" width="${round(Math.max(1, each - 2))}" height="${round(Math.max(0, frame.bottom - top))}" fill="${colour(i)}"><title>${escapeHtml(`${name}, ${group}: ${show(value)}`)}</title></rect>${text(left + each / 2, top - 4, show(value), { anchor: "middle", size: 10, fill: SOFT })}`
    })
    return bar.join("") + text(start + width / 2, frame.bottom + 17, group, { anchor: "middle", fill: SOFT })
  })
  return drawing(options, frame, axes(frame, undefined, toY, "", y.label) + bars.join(""))
}

interface Frame {
  left: number
  right: number
  top: number
  bottom: number
  legend: { name: string; x: number; y: number }[]
  width: number
  height: number
}
interface Box {
  x: number
  y: number
  width: number
  height: number
}

function makeFrame({ width = 560, height = 340 }: ChartOptions, names: readonly string[]): Frame {
  const legend: Frame["legend"] = []
  let x = MARGIN.left
  let row = 0
  for (const name of names) {
    const room = 22 + name.length * LETTER
    if (x > MARGIN.left && x + room > width) {
      x = MARGIN.left
      row++
    }
    legend.push({ name, x, y: MARGIN.top + 8 + row * LEGEND_ROW })
    x += room
  }
  const top = MARGIN.top + 12 + (names.length > 0 ? row + 1 : 0) * LEGEND_ROW
  return { left: MARGIN.left, right: width - MARGIN.right, top, bottom: height - MARGIN.bottom, legend, width, height }
}

function axes(frame: Frame, x: Scale | undefined, y: Scale, xLabel: string, yLabel: string): string {
  const { left, right, top, bottom } = frame
  const rows = ticks(y).map(
    (value) =>
      `<line x1="${left}" x2="${right}" y1="${round(y.at(value))}" y2="${round(y.at(value))}" stroke="${LINE}"/>${text(left - 7, y.at(value) + 4, show(value), { anchor: "end", fill: SOFT })}`,
  )
  const columns = x
    ? ticks(x).map(
        (value) =>
          `<line x1="${round(x.at(value))}" x2="${round(x.at(value))}" y1="${bottom}" y2="${bottom + 4}" stroke="${SOFT}"/>${text(x.at(value), bottom + 17, show(value), { anchor: "middle", fill: SOFT })}`,
      )
    : []
  const middle = (top + bottom) / 2
  return [
    ...rows,
    ...columns,
    `<line x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}" stroke="${SOFT}"/>`,
    text((left + right) / 2, bottom + 36, xLabel, { anchor: "middle", fill: SOFT }),
    `<g transform="rotate(-90 14 ${round(middle)})">${text(14, middle, yLabel, { anchor: "middle", fill: SOFT })}</g>`,
  ].join("")
}

function drawing({ title }: ChartOptions, { width, height, legend }: Frame, body: string): Html {
  const entries = legend.map(({ name, x, y }, i) => mark(i, x + 5, y, name) + text(x + 14, y + 4, name, { size: 11.5 }))
  return new Html(
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif"><title>${escapeHtml(title)}</title>${text(MARGIN.left, 18, title, { size: 13.5, weight: 600 })}${entries.join("")}${body}</svg>`,
  )
}

/** Series differ by shape as well as by colour. */
function mark(series: number, x: number, y: number, title: string): string {
  const shapes = [
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
    "M-4 -4H4V4H-4Z",
    "M0 -5L5 4H-5Z",
    "M0 -5.5L5.5 0L0 5.5L-5.5 0Z",
    "M-5 -4H5L0 5Z",
    "M-5 -2H5V2H-5Z",
  ]
  return `<path transform="translate(${round(x)} ${round(y)})" d="${shapes[series % shapes.length]}" fill="${colour(series)}"><title>${escapeHtml(title)}</title></path>`
}

/** Beside the mark, on the first side where it covers nothing; left out where every side is taken. */
function pointLabel(point: Point, x: number, y: number, frame: Frame, taken: Box[]): string {
  if (!point.label) return ""
  const width = point.label.length * LETTER * 0.9
  const places = [
    { left: x + 8, base: y + 4 },
    { left: x - 8 - width, base: y + 4 },
    { left: x - width / 2, base: y - 9 },
    { left: x - width / 2, base: y + 17 },
  ]
  for (const { left, base } of places) {
    const box = { x: left, y: base - 9, width, height: 11 }
    const inside = left >= frame.left && left + width <= frame.width && box.y >= frame.top - 8 && base <= frame.bottom
    if (!inside || taken.some((other) => overlap(box, other))) continue
    taken.push(box)
    return text(left, base, point.label, { size: 10.5, fill: SOFT })
  }
  return ""
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

function text(
  x: number,
  y: number,
  content: string,
  { anchor = "start", fill = TEXT, size = 11.5, weight = 400 } = {},
): string {
  if (content === "") return ""
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${fill}" font-size="${size}" font-weight="${weight}">${escapeHtml(content)}</text>`
}

function drawable(point: Point, x: Axis, y: Axis): boolean {
  const fits = (value: number, axis: Axis) => Number.isFinite(value) && (!axis.log || value > 0)
  return fits(point.x, x) && fits(point.y, y)
}

/** Means of equal stretches of a long line. */
function average(points: readonly Point[]): readonly Point[] {
  if (points.length <= LINE_POINTS) return points
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  return Array.from({ length: LINE_POINTS }, (_, i) => {
    const stretch = points.slice(
      Math.floor((i * points.length) / LINE_POINTS),
      Math.floor(((i + 1) * points.length) / LINE_POINTS),
    )
    return { x: mean(stretch.map((p) => p.x)), y: mean(stretch.map((p) => p.y)) }
  })
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

/** A number as short as its size allows. */
function show(value: number): string {
  if (value === 0) return "0"
  const digits =
    Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3 ? value.toExponential(1) : Number(value.toPrecision(3))
  return String(digits)
}
