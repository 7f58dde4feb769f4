/**
 * Self-contained HTML pages. Text is always escaped: answers of models are shown, and they are not to be trusted. It
 * knows nothing about what a report says.
 */

import { STYLE } from "./style.js"

/** Markup that is safe to put into a page as it is. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** What is false or undefined is left out. */
export type Content = Html | string | number | false | undefined | readonly Content[]

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
  if (content === undefined || content === false) return ""
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

/** A table in a box of its own that scrolls where the window is narrow; without titles it has no head. A row of one cell is the heading of those below. */
export function table(columns: readonly Column[], rows: readonly (readonly Content[])[], caption?: Content): Html {
  const kind = (i: number) => new Html(columns[i]?.number ? ' class="number"' : "")
  const head = html`<thead><tr>${columns.map(({ title }, i) => html`<th scope="col"${kind(i)}>${title}</th>`)}</tr></thead>
`
  const body = rows.map(([first, ...rest]) => {
    if (rest.length === 0 && columns.length > 1)
      return html`<tr><th scope="colgroup" colspan="${columns.length}">${first}</th></tr>
`
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

/** What was typed; an option is not torn apart where a line is full. */
export function commandLines(text: string): Html {
  const words = text.split(/(?<=\s)(?=-)/).map((part): Content => {
    const [option] = /^--?[a-z][\w-]*/.exec(part) ?? []
    return option === undefined ? part : html`<span class="option">${option}</span>${part.slice(option.length)}`
  })
  return html`<pre>${words}</pre>
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
