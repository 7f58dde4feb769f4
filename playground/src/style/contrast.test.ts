/** Text on every ground it stands on has the contrast that WCAG AA asks for, in both looks. */

import { readFileSync } from "node:fs"
import { expect, test } from "vitest"

const css = readFileSync(new URL("base.css", import.meta.url), "utf8")
const [light, dark] = css.split("@media (prefers-color-scheme: dark)").map(coloursOf)

type Rgb = [number, number, number]

function coloursOf(text: string): Map<string, Rgb> {
  const rules = text.matchAll(/--([\w-]+): #([0-9a-f]{6});/g)
  const channel = (hex: string, i: number) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)
  return new Map([...rules].map(([, name, hex]) => [name, [channel(hex, 0), channel(hex, 1), channel(hex, 2)]]))
}

const luminance = (rgb: Rgb): number => {
  const [r, g, b] = rgb.map((value) => {
    const part = value / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
const contrast = (a: Rgb, b: Rgb): number => {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (high + 0.05) / (low + 0.05)
}

/** As a cell's ground is mixed where the model is entirely sure. */
const cells = readFileSync(new URL("answer.css", import.meta.url), "utf8")
const SUREST = Number(/var\(--sure\) \* (\d+)%\);/.exec(cells)?.[1]) / 100
const mixed = (a: Rgb, b: Rgb, part: number): Rgb => a.map((value, i) => value * part + b[i] * (1 - part)) as Rgb

test.each([
  ["light", light],
  ["dark", dark],
])("%s", (_, colours) => {
  const get = (name: string) => colours.get(name) as Rgb
  const texts: [text: string, ground: string][] = [
    ...["text", "soft", "accent", "bad"].flatMap((text): [string, string][] => [
      [text, "page"],
      [text, "box"],
    ]),
    ["on-accent", "accent"],
    ["text", "bad-box"],
  ]
  for (const [text, ground] of texts)
    expect(contrast(get(text), get(ground)), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5)
  const cell = mixed(get("shade"), get("page"), SUREST)
  expect(contrast(get("text"), cell)).toBeGreaterThanOrEqual(4.5)
  // Borders of fields and bars of cells are no text.
  for (const [mark, ground] of [
    ["edge", "page"],
    ["accent", "page"],
  ])
    expect(contrast(get(mark), get(ground)), `${mark} on ${ground}`).toBeGreaterThanOrEqual(3)
  expect(contrast(get("accent"), cell)).toBeGreaterThanOrEqual(3)
})
