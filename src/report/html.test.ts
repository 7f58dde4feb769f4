import { expect, test } from "vitest"
import { denoiseView } from "./denoise-view.js"
import { commandLines, dataUri, escapeHtml, Html, html, page, picture, table } from "./html.js"
import { fixed, percentWithin, pointsBetween, whole } from "./numbers.js"
import { sampleView } from "./sample-view.js"

const NASTY = `<img src=x onerror="alert('1')">&`

test("values are escaped, Html and lists are not twice", () => {
  const safe = "&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;"
  expect(html`<p title="${NASTY}">${NASTY}</p>`.text).toBe(`<p title="${safe}">${safe}</p>`)
  expect(html`${[html`<b>${"a<"}</b>`, "b>", 3, undefined, false, ["x", new Html("<i>")]]}`.text).toBe(
    "<b>a&lt;</b>b&gt;3x<i>",
  )
})

test("a page holds everything itself, allows no scripts, and escapes its title", () => {
  const text = page(NASTY, html`<p>x</p>`)
  expect(text.startsWith("<!doctype html>")).toBe(true)
  expect(text).toContain("default-src 'none'")
  expect(text).not.toContain("<img")
  expect(text).not.toMatch(/<script|<link|url\(|@import/)
  expect(text).toContain("prefers-color-scheme: dark")
})

test("pictures are data URIs only", () => {
  expect(dataUri(Uint8Array.of(1, 2, 3))).toBe("data:image/png;base64,AQID")
  expect(picture(dataUri(Uint8Array.of(1)), 'a "cat"', 84).text).toContain('alt="a &quot;cat&quot;"')
  expect(() => picture("https://example.org/a.png", "", 1)).toThrow(/internal/)
})

test("tables: row headers, number columns, caption, no head without titles", () => {
  const text = table([{ title: "model" }, { title: "score", number: true }], [["a<b", 5]], "caption").text
  expect(text).toContain('<th scope="row">a&lt;b</th><td class="number">5</td>')
  expect(text).toContain("<caption>caption</caption>")
  expect(text).toContain("<thead>")
  expect(table([{ title: "" }, { title: "" }], [["a", "b"]]).text).not.toContain("<thead>")
})

test("a block being denoised: one row per step, states as classes, blanks and breaks shown, text escaped", () => {
  const text = denoiseView([
    {
      step: 1,
      cells: [
        { text: " a", state: "new", confidence: 0.914 },
        { text: "", state: "masked" },
        { text: "<b>\n", state: "masked", confidence: 0.2 },
      ],
    },
    { step: 2, cells: [{ text: " a", state: "fixed" }] },
  ]).text
  expect(text.match(/<tr>/g)).toHaveLength(2)
  expect(text).toContain('<td class="new">·a<small>91 %</small></td>')
  expect(text).toContain('<td class="masked">▒</td>')
  expect(text).toContain('<td class="masked">&lt;b&gt;⏎<small>20 %</small></td>')
  expect(text).toContain('<td class="fixed">·a</td>')
})

test("a question with everybody's answer: nothing in it is markup, and no room is left for a picture that is not there", () => {
  const text = sampleView({ question: NASTY, about: "set", answers: [{ of: "model", text: NASTY }] }).text
  expect(text).not.toContain("<img")
  expect(text).toContain('<span class="soft">set</span>')
  const seen = sampleView({ question: "What?", picture: "data:image/png;base64,AQID", answers: [] }).text
  expect(seen.indexOf("<img")).toBeGreaterThan(0)
  expect(seen.indexOf("<img")).toBeLessThan(seen.indexOf("What?"))
})

test("shares with their errors, in percent and in points", () => {
  const plain = (text: string): string => text.replaceAll("\u00a0", " ")
  expect(plain(percentWithin(0.829, 0.0243))).toBe("82.9 ± 2.4")
  expect(plain(pointsBetween(0.84, 0.829, 0.034))).toBe("+1.1 ± 3.4 points")
  expect(plain(pointsBetween(0.767, 0.829, 0.037))).toBe("−6.2 ± 3.7 points")
  expect([fixed(-1.8714, 3), fixed(2, 1)]).toEqual(["−1.871", "2.0"])
  expect(whole(1234567.2)).toBe("1,234,567")
})

test("a row of one cell is a heading of the whole table", () => {
  const { text } = table([{ title: "model" }, { title: "score", number: true }], [["ours"], ["a", "1"]])
  expect(text).toContain('<tr><th scope="colgroup" colspan="2">ours</th></tr>')
  expect(text).toContain('<tr><th scope="row">a</th><td class="number">1</td></tr>')
  expect(table([{ title: "one" }], [["a"]]).text).toContain('<th scope="row">a</th>')
})

test("options of a command are not torn apart, and the command stays what was typed", () => {
  const typed = "diffusionvl ablate 'a -b <c>' --noise-scale 0.5 -o --out=x\ndiffusionvl eval -5 --compat"
  const { text } = commandLines(typed)
  expect(text).toContain('<span class="option">--noise-scale</span> 0.5')
  expect(text).not.toContain("<c>")
  const shown = text.replace(/<[^>]*>/g, "").trim()
  expect(shown).toBe(escapeHtml(typed))
})
