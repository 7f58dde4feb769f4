/** Charts as figures with SVG inside: lines, scattered points, bars. Colours come from the page's variables, with defaults. */

import { type Axis, type ChartSize, type Frame, frameOf, horizontal, vertical } from "./axes.js"
import { type Content, escapeHtml, Html, html } from "./html.js"
import { colour, mark, round, SOFT, text } from "./marks.js"
import { type Box, boxesOfLine, placeLabel } from "./point-labels.js"
import { bands, type Ends, type Scale, scale } from "./scale.js"

interface Point {
  x: number
  y: number
  /** Of `y`, drawn as a bar of so much up and down. */
  error?: number
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

export interface ChartOptions extends ChartSize {
  /** Stands above the chart. */
  title: string
}

/** Longer lines are averaged: more points than this cannot be told apart. */
const LINE_POINTS = 240

/** Lines, points or both over two axes of numbers. */
export function xyChart(options: ChartOptions & { x: Axis; y: Axis; series: readonly Series[] }): Html {
  const { x, y } = options
  const usable = (points: readonly Point[] = []) => points.filter((point) => drawable(point, x, y))
  const series = options.series.map(({ name, points, line }) => ({ name, points: usable(points), line: usable(line) }))
  const all = series.flatMap(({ points, line }) => [...points, ...line])
  const frame = frameOf(
    options,
    y,
    all.flatMap((point) => endsOf(point, y)),
  )
  const toX = scale(
    all.map((point) => point.x),
    x,
    frame.left,
    frame.right,
  )
  const at = (point: Point): readonly [number, number] => [toX.at(point.x), frame.y.at(point.y)]
  const lines = series.map(({ line }) => average(line).map(at))
  const taken = [
    ...series.flatMap(({ points }) => points.flatMap((point) => boxesOfPoint(point, toX, frame.y, y))),
    ...lines.flatMap((line) => line.slice(1).flatMap((to, i) => boxesOfLine(line[i], to))),
  ]
  const inside = { x: frame.left, y: 0, width: frame.width - frame.left, height: frame.bottom }
  const body = series.map(({ name, points }, i) => {
    const path = lines[i].map((corner, j) => `${j === 0 ? "M" : "L"}${corner.map(round).join(" ")}`)
    const stroke = `<path d="${path.join("")}" fill="none" stroke="${colour(i)}" stroke-width="1.6" stroke-linejoin="round"/>`
    const errors = points.map((point) => errorBar(point, toX.at(point.x), frame.y, y, i))
    const marks = points.map((point) => {
      const title = `${name}: ${point.label ?? ""} (${show(point.x)}, ${show(point.y)})`
      return mark(i, ...at(point), title)
    })
    const labels = points.map((point) => {
      const label = point.label && placeLabel(point.label, ...at(point), inside, taken)
      return label ? text(label.x, label.y, label.text, { size: 10.5, fill: SOFT, halo: true }) : ""
    })
    return [path.length > 1 ? stroke : "", ...errors, ...marks, ...labels].join("")
  })
  const empty = all.length === 0 ? text(frame.left + 12, frame.top + 24, "no data", { fill: SOFT }) : ""
  return drawing(options, frame, horizontal(frame, y.label) + vertical(frame, toX, x.label) + body.join("") + empty)
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
  const values = series
    .flatMap((entry) => entry.values)
    .filter((value) => value !== undefined && Number.isFinite(value)) as number[]
  const frame = frameOf(options, { from: 0, ...y }, [0, ...values])
  const bars = groups.map((group, g) => {
    const [start, width] = bands(frame.left, frame.right, groups.length, g)
    const bar = series.map(({ name, values }, i) => {
      const value = values[g]
      if (value === undefined || !Number.isFinite(value)) return ""
      const [left, each] = bands(start + width * 0.1, start + width * 0.9, series.length, i)
      const top = frame.y.at(value)
      return `<rect x="${round(left + 1)}" y="${round(top)}" width="${round(Math.max(1, each - 2))}" height="${round(Math.max(0, frame.bottom - top))}" fill="${colour(i)}"><title>${escapeHtml(`${name}, ${group}: ${show(value)}`)}</title></rect>${text(left + each / 2, top - 4, show(value), { anchor: "middle", size: 10, fill: SOFT })}`
    })
    return bar.join("") + text(start + width / 2, frame.bottom + 17, group, { anchor: "middle", fill: SOFT })
  })
  return drawing(options, frame, horizontal(frame, y.label) + bars.join(""))
}

/** A figure with its title, and a legend where there is more than one series. */
function drawing(
  { title, series }: ChartOptions & { series: readonly { name: string }[] },
  { width, height }: Frame,
  body: string,
): Html {
  const key = (i: number): Html => new Html(`<svg class="mark" viewBox="-6 -6 12 12">${mark(i, 0, 0)}</svg>`)
  const legend: Content =
    series.length > 1 ? series.map(({ name }, i) => html`<span>${key(i)}${name}</span> `) : undefined
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif"><title>${escapeHtml(title)}</title>${body}</svg>`
  return html`<figure class="chart"><figcaption><b>${title}</b>${legend}</figcaption>${new Html(svg)}</figure>
`
}

/** The ends of a point's error bar that can be. */
function endsOf({ y, error = 0 }: Point, { log, within: [least, most] = [-Infinity, Infinity] }: Ends): number[] {
  const low = Math.max(y - error, Math.min(y, least))
  return [log && low <= 0 ? y : low, Math.min(y + error, Math.max(y, most))]
}

/** What a point's mark and error bar cover. */
function boxesOfPoint(point: Point, toX: Scale, toY: Scale, axis: Ends): Box[] {
  const [x, y] = [toX.at(point.x), toY.at(point.y)]
  const [low, high] = endsOf(point, axis).map((value) => toY.at(value))
  return [
    { x: x - 4, y: y - 4, width: 8, height: 8 },
    { x: x - 2, y: high, width: 4, height: low - high },
  ]
}

function errorBar(point: Point, x: number, toY: Scale, axis: Ends, series: number): string {
  if (!point.error) return ""
  const [low, high] = endsOf(point, axis).map((value) => round(toY.at(value)))
  const ends = [low, high].map((y) => `M${round(x - 3)} ${y}H${round(x + 3)}`)
  return `<path d="M${round(x)} ${low}V${high}${ends.join("")}" fill="none" stroke="${colour(series)}" stroke-opacity=".6"/>`
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

/** A number as short as its size allows. */
function show(value: number): string {
  if (value === 0) return "0"
  const digits =
    Math.abs(value) >= 1e6 || Math.abs(value) < 1e-3 ? value.toExponential(1) : Number(value.toPrecision(3))
  return String(digits)
}
