/** A question with everybody's answer, its picture beside it. */

import { type Content, type Html, html, table } from "./html.js"

export interface SampleView {
  /** What the question is about, as a data: address. */
  picture?: string
  question: string
  /** What is known of it, such as the set it is from. */
  about?: string
  answers: readonly { of: string; text: string }[]
  /** In the place of the answers' table. */
  choices?: Html | undefined
}

export function sampleView({ picture, question, about, answers, choices }: SampleView): Html {
  const beside = picture === undefined ? undefined : html`<div><img src="${picture}" alt="" width="96"></div>`
  const asked: Content = html`<p><b>${question}</b>${about === undefined ? "" : html` <span class="soft">${about}</span>`}</p>`
  const rows = answers.map(({ of, text }) => [of, text])
  return html`<div class="sample">${beside}<div>${asked}
${choices ?? table([{ title: "" }, { title: "" }], rows)}</div></div>
`
}
