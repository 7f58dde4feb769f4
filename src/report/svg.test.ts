import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { placeLabel } from "./point-labels.js"
import { scale, ticks, tickTexts } from "./scale.js"
import { barChart, xyChart } from "./svg.js"

describe("scales", () => {
  test("ticks are round numbers inside the scale", () => {
    expect(ticks(scale([0, 1], { from: 0, to: 1 }, 0, 100))).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1])
    expect(ticks(scale([], { from: 82.4, to: 84.1 }, 0, 100))).toEqual([82.5, 83, 83.5, 84])
    expect(ticks(scale([1, 10000], { log: true, from: 1, to: 10000 }, 0, 100))).toEqual([1, 10, 100, 1000, 10000])
    expect(ticks(scale([], { log: true, from: 300, to: 1100 }, 0, 100))).toEqual([300, 500, 700, 1000])
  })

  test("what can not be gets no room, and one value alone gets some", () => {
    const percents = scale([60, 100], { within: [0, 100] }, 0, 100)
    expect([percents.from < 60, percents.to]).toEqual([true, 100])
    const alone = scale([100, 100], { within: [0, 100] }, 0, 100)
    expect([alone.from < 100, alone.to]).toEqual([true, 100])
  })

  test("ticks have as many decimals each, and powers where numbers are tiny or huge", () => {
    expect(tickTexts([7, 7.5, 8])).toEqual(["7.0", "7.5", "8.0"])
    expect(tickTexts([-20_000, 0, 100.5])).toEqual(["−20,000.0", "0.0", "100.5"])
    expect(tickTexts([0, 5e-6, 1e-5])).toEqual(["0", "5e-6", "1e-5"])
    expect(tickTexts([1.2e6, 1.25e6])).toEqual(["1.2e+6", "1.25e+6"])
    expect(tickTexts([0.1, 1, 10], true)).toEqual(["0.1", "1", "10"])
  })

  test("any values fit between the ends, and there are always a few ticks", () => {
    const finite = fc.double({ min: -1e9, max: 1e9, noNaN: true })
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 20 }), fc.boolean(), (values, log) => {
        const usable = log ? values.map((value) => Math.abs(value) + 1e-9) : values
        const made = scale(usable, { log }, 300, 20)
        for (const value of usable) {
          expect(made.at(value)).toBeLessThanOrEqual(300 + 1e-6)
          expect(made.at(value)).toBeGreaterThanOrEqual(20 - 1e-6)
        }
        const count = ticks(made).length
        expect(count).toBeGreaterThanOrEqual(1)
        expect(count).toBeLessThanOrEqual(15)
      }),
      {
        examples: [
          [[-5e-324, 0], false],
          [[-5.4e-323], false],
        ],
      },
    )
  })
})

/** Places of the marks of a chart, without the legend's. */
function marks(svg: string): [number, number][] {
  return [...svg.matchAll(/translate\(([\d.]+) ([\d.]+)\)"[^>]*><title>[^<]*\(/g)].map((m) => [
    Number(m[1]),
    Number(m[2]),
  ])
}

describe("charts", () => {
  test("marks lie where their values say, larger values further right and higher", () => {
    const points = [
      { x: 0, y: 0 },
      { x: 1, y: 1, label: "middle <1>" },
      { x: 2, y: 4 },
    ]
    const svg = xyChart({
      title: "a & b",
      x: { label: "x", from: 0, to: 2 },
      y: { label: "y", from: 0, to: 4 },
      series: [{ name: "s<", points }],
    }).text
    const [a, b, c] = marks(svg)
    expect(b[0] - a[0]).toBeCloseTo(c[0] - b[0], 0)
    expect((a[1] - b[1]) * 3).toBeCloseTo(b[1] - c[1], 0)
    expect(svg).toContain("<b>a &amp; b</b></figcaption>")
    expect(svg).toContain("middle &lt;1&gt;</text>")
    expect(svg).toContain("s&lt;")
  })

  test("what cannot be drawn is left out, and nothing at all says so", () => {
    const points = [Number.NaN, Number.POSITIVE_INFINITY, 0, -3, 5].map((y) => ({ x: 1, y }))
    const svg = xyChart({
      title: "t",
      x: { label: "x" },
      y: { label: "y", log: true },
      series: [{ name: "s", points }],
    }).text
    expect(marks(svg)).toHaveLength(1)
    expect(svg).not.toMatch(/NaN|Infinity/)
    const empty = xyChart({ title: "t", x: { label: "x" }, y: { label: "y" }, series: [] }).text
    expect(empty).toContain("no data")
    expect(empty).not.toMatch(/NaN|Infinity/)
  })

  test("long lines are thinned to their means, short ones kept", () => {
    const line = Array.from({ length: 10_000 }, (_, i) => ({ x: i, y: i % 2 }))
    const chart = (points: typeof line) =>
      xyChart({ title: "t", x: { label: "x" }, y: { label: "y" }, series: [{ name: "s", line: points }] }).text
    const corners = (svg: string) => /<path d="(M[^"]*)" fill="none"/.exec(svg)![1].split(/[ML]/).slice(1)
    expect(corners(chart(line)).length).toBe(240)
    expect(corners(chart(line.slice(0, 7))).length).toBe(7)
    const heights = corners(chart(line)).map((corner) => Number(corner.split(" ")[1]))
    expect(Math.max(...heights) - Math.min(...heights)).toBeLessThan(12)
  })

  test("labels of neighbouring points do not cover each other", () => {
    const points = Array.from({ length: 8 }, (_, i) => ({ x: i / 20, y: i / 20, label: `t 0.${i}` }))
    const svg = xyChart({
      title: "t",
      x: { label: "x", to: 1 },
      y: { label: "y", to: 1 },
      series: [{ name: "s", points }],
    }).text
    const boxes = [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)"[^>]*font-size="10.5"[^>]*>/g)].map((m) => [
      Number(m[1]),
      Number(m[2]),
    ])
    expect(boxes.length).toBeGreaterThan(3)
    for (const [i, [x, y]] of boxes.entries())
      for (const [ox, oy] of boxes.slice(i + 1)) expect(Math.abs(x - ox) > 20 || Math.abs(y - oy) > 10).toBe(true)
  })

  test("errors are bars around their points, within what can be; several series have a legend", () => {
    const series = (name: string, y: number) => ({ name, points: [{ x: 1, y, error: 10 }] })
    const chart = xyChart({
      title: "t",
      x: { label: "x" },
      y: { label: "y", within: [0, 100] },
      series: [series("low", 50), series("high", 95)],
    }).text
    const bars = [...chart.matchAll(/<path d="M[\d.]+ ([\d.]+)V([\d.]+)M/g)].map((m) => Number(m[1]) - Number(m[2]))
    expect(bars).toHaveLength(2)
    // Of 95 ± 10, what is above 100 is cut.
    expect(bars[1] / bars[0]).toBeCloseTo(15 / 20, 1)
    expect(chart).toMatch(/<\/svg>low<\/span>.*<\/svg>high<\/span>/s)
  })

  test("long words at the y axis stand beside its name, not on it", () => {
    const line = [0.000125, 0.00025].map((y, x) => ({ x, y }))
    const ends = (scaled: number) => {
      const points = line.map(({ x, y }) => ({ x, y: y * scaled }))
      const svg = xyChart({ title: "t", x: { label: "" }, y: { label: "rate" }, series: [{ name: "s", line: points }] })
      return [...svg.text.matchAll(/<text x="([\d.]+)" y="[\d.]+" text-anchor="end"/g)].map((m) => Number(m[1]))
    }
    expect(Math.min(...ends(10_000))).toBeLessThan(Math.min(...ends(10)))
  })

  test("a label goes to another side where the first is taken, and nowhere where all are", () => {
    const inside = { x: 0, y: 0, width: 200, height: 200 }
    const first = placeLabel("abc", 100, 100, inside, [])!
    const taken = [{ x: first.x, y: first.y - 9, width: 20, height: 11 }]
    expect(placeLabel("abc", 100, 100, inside, taken)!.y).not.toBe(first.y)
    expect(placeLabel("abc", 100, 100, inside, [inside])).toBeUndefined()
  })

  test("bars stand on zero, twice the value is twice as high, missing values have none", () => {
    const svg = barChart({
      title: "t",
      y: { label: "y" },
      groups: ["g", "h"],
      series: [
        { name: "s", values: [2, undefined] },
        { name: "r", values: [4, 1] },
      ],
    }).text
    const heights = [...svg.matchAll(/<rect[^>]*height="([\d.]+)"/g)].map((m) => Number(m[1]))
    expect(heights).toHaveLength(3)
    expect(heights[1] / heights[0]).toBeCloseTo(2, 1)
  })
})
