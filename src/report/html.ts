/**
 * Self-contained HTML pages. Text is always escaped: answers of models are shown, and they are not to be trusted. It
 * knows nothing about what a report says.
 */

/** Markup that is safe to put into a page as it is. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Content = Html | string | number | undefined | readonly Content[]

export function escapeHtml(text: string): string {
  const marks: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }
  return text.replace(/[&<>"']/g, (mark) => marks[mark])
}

/** A template whose values are escaped unless they are Html themselves; lists are joined. */
export function html(strings: TemplateStringsArray, ...values: Content[]): Html {
  return new Html(strings.reduce((out, string, i) => out + markup(values[i - 1]) + string))
}

function markup(content: Content): string {
  if (content instanceof Html) return content.text
  if (content === undefined) return ""
  if (typeof content === "object") return content.map(markup).join("")
  return escapeHtml(String(content))
}

/** Bytes of a picture as an address that needs no file. */
export function dataUri(bytes: Uint8Array, type = "image/png"): string {
  return `data:${type};base64,${Buffer.from(bytes).toString("base64")}`
}

/** @param source a data URI: pages load nothing from elsewhere */
export function picture(source: string, alternative: string, width: number): Html {
  if (!source.startsWith("data:image/")) throw new Error(`internal: a page's picture must be a data URI`)
  return html`<img src="${source}" alt="${alternative}" width="${width}" height="${width}">`
}

export interface Column {
  title: Content
  /** Numbers are set to the right. @default false */
  number?: boolean
}

/** A table in a box of its own that scrolls where the window is narrow; without titles it has no head. */
export function table(columns: readonly Column[], rows: readonly (readonly Content[])[], caption?: Content): Html {
  const kind = (i: number) => new Html(columns[i]?.number ? ' class="number"' : "")
  const head = html`<thead><tr>${columns.map(({ title }, i) => html`<th scope="col"${kind(i)}>${title}</th>`)}</tr></thead>
`
  const body = rows.map(([first, ...rest]) => {
    const cells = rest.map((cell, i) => html`<td${kind(i + 1)}>${cell}</td>`)
    return html`<tr><th scope="row">${first}</th>${cells}</tr>
`
  })
  return html`<div class="scroll"><table>${caption === undefined ? "" : html`<caption>${caption}</caption>`}
${columns.some(({ title }) => title !== "") ? head : ""}<tbody>${body}</tbody></table></div>
`
}

export function figure(content: Html, caption: Content): Html {
  return html`<figure>${content}<figcaption>${caption}</figcaption></figure>
`
}

export function section(title: string, ...content: Content[]): Html {
  const id = title.toLowerCase().replace(/[^a-z0-9]+/g, "-")
  return html`<section id="${id}"><h2>${title}</h2>
${content}</section>
`
}

export function preformatted(text: string): Html {
  return html`<pre>${text}</pre>
`
}

/** Content that is folded away until it is asked for. */
export function details(summary: Content, ...content: Content[]): Html {
  return html`<details><summary>${summary}</summary>
${content}</details>
`
}

/** A whole document: no scripts, nothing loaded, light or dark as the reader's system is. */
export function page(title: string, ...content: Content[]): string {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${new Html(STYLE)}</style></head>
<body><main><h1>${title}</h1>
${content}</main></body></html>
`.text
}

const DARK = `
  --page: #15171a; --text: #e6e6e3; --soft: #a3a8ae; --line: #33383e; --box: #1d2024; --good: #6fcf8e; --bad: #f08a7c;
  --new: #1f4d36; --fixed: #23303f; --masked: #202327;
  --series-1: #6ea8e6; --series-2: #f0a35e; --series-3: #62c79a; --series-4: #d78ad0; --series-5: #c9c16a; --series-6: #a9b1b9;`

const STYLE = `
:root { color-scheme: light dark;
  --page: #ffffff; --text: #1c1e21; --soft: #5c636b; --line: #d9dde2; --box: #f5f6f8; --good: #1b7a3d; --bad: #b3372a;
  --new: #bfe8cd; --fixed: #e3edf8; --masked: #eceef1;
  --series-1: #1f66b0; --series-2: #c2640c; --series-3: #14805a; --series-4: #9a3f92; --series-5: #7d7416; --series-6: #5f6771; }
@media (prefers-color-scheme: dark) { :root {${DARK} } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.55 system-ui, sans-serif }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .6rem }
h2 { font-size: 1.3rem; margin: 2.8rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line) }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem }
p, li { max-width: 46rem }
.soft, caption, figcaption { color: var(--soft); font-size: .9rem }
.lead { font-size: 1.12rem }
.good { color: var(--good) } .bad { color: var(--bad) }
.scroll { overflow-x: auto; margin: .8rem 0 1.2rem }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums }
caption { text-align: left; padding: 0 0 .4rem }
th, td { padding: .34rem .8rem .34rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
thead th { color: var(--soft); font-weight: 500; vertical-align: bottom }
tbody th { font-weight: 500 }
tbody th { min-width: 10rem } td { min-width: 4rem }
.number { text-align: right; padding-left: .6rem } td.number { white-space: nowrap } th.number { max-width: 7rem }
small { color: var(--soft); font-size: .82em; white-space: nowrap }
figure { margin: 1rem 0 1.4rem } figcaption { margin-top: .3rem; max-width: 46rem }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); gap: 0 1.5rem }
svg { max-width: 100%; height: auto; display: block }
pre { background: var(--box); border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem; overflow-x: auto; font-size: .86rem }
img { background: #fff; border-radius: 6px; border: 1px solid var(--line); image-rendering: auto }
summary { cursor: pointer; color: var(--soft) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .8rem; margin: 1.2rem 0 }
.tile { background: var(--box); border: 1px solid var(--line); border-radius: 8px; padding: .7rem .9rem }
.tile b { display: block; font-size: 1.5rem; font-weight: 600; line-height: 1.25 } .tile span:not([class]) { color: var(--soft); font-size: .86rem; display: block } .tile [class] { font-size: .86rem; display: block }
.sample { display: grid; grid-template-columns: 98px 1fr; gap: 0 1rem; border-bottom: 1px solid var(--line); padding: .9rem 0 }
.sample p { margin: .1rem 0 .3rem } .sample .scroll { margin: 0 0 .7rem } .sample table :is(th, td) { border: 0; padding: .12rem .9rem .12rem 0; min-width: 0; font-weight: 400 }
.denoise { border-collapse: separate; border-spacing: 3px; font-size: .84rem }
.denoise th { border: 0; min-width: 0; font-weight: 400; color: var(--soft); white-space: nowrap; padding: .2rem .5rem .2rem 0 }
.denoise td { border: 0; border-radius: 4px; padding: .18rem .4rem; text-align: center; white-space: pre; min-width: 2.2rem }
.denoise .masked { background: var(--masked); color: var(--soft); font-style: italic }
.denoise .new { background: var(--new); font-weight: 600 } .denoise .fixed { background: var(--fixed) }
.denoise td small { display: block; font-style: normal; font-weight: 400 }
@media print { body { font-size: 11pt } }
`
