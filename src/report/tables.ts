/** A table with a title and a sentence, as HTML and as Markdown. */

import { type Content, type Html, html, table } from "./html.js"

export interface Table {
  title: string
  text?: string
  columns: readonly string[]
  rows: readonly (readonly string[])[]
}

/** Columns of numbers are set to the right. */
export function tableHtml({ text, columns, rows }: Table): Html {
  const isNumber = (i: number): boolean => i > 0 && rows.every((row) => /^[-−–\d]/.test(row[i]))
  return html`${text === undefined ? undefined : html`<p>${text}</p>`}
${table(
  columns.map((title, i) => ({ title: breakable(title), number: isNumber(i) })),
  rows,
)}`
}

/** Names such as relaxed_overall may go on in the next line. */
const breakable = (title: string): Content =>
  title.split(/(?<=_)/).map((part, i) => (i > 0 ? html`<wbr>${part}` : part))

/** Paragraphs. */
export function tableMarkdown({ title, text, columns, rows }: Table): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeMarkdown).join(" | ")} |`
  const lines = [line(columns), `| ${columns.map(() => "---").join(" | ")} |`, ...rows.map(line)]
  return [`## ${title}`, ...(text === undefined ? [] : [escapeMarkdown(text)]), lines.join("\n")]
}

/** Answers of models are not to be trusted: nothing in them is markup. */
export const escapeMarkdown = (text: string): string =>
  text.replace(/\s+/g, " ").replace(/[\\`*_[\]<>|#~]/g, (mark) => `\\${mark}`)
