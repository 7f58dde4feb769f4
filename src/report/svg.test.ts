import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { scale, ticks } from "./scale.js"
import { barChart, xyChart } from "./svg.js"

describe("scales", () => {
  test("ticks are round numbers inside the scale", () => {
    expect(ticks(scale([0, 1], { from: 0, to: 1 }, 0, 100))).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1])
    expect(ticks(scale([], { from: 82.4, to: 84.1 }, 0, 100))).toEqual([82.5, 83, 83.5, 84])
    expect(ticks(scale([1, 10000], { log: true, from: 1, to: 10000 }, 0, 100))).toEqual([1, 10, 100, 1000, 10000])
    expect(ticks(scale([], { log: true, from: 300, to: 1100 }, 0, 100))).toEqual([300, 500, 700, 1000])
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
      { examples: [[[-5e-324, 0], false]] },
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
    expect(svg).toContain("<title>a &amp; b</title>")
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
