/** A wrong answer to look at: the picture, what was asked, what was answered, what was read from it, and what is right. */

import { UserError } from "../../errors.js"
import { thumbnail } from "../../image/thumbnail.js"
import { type Content, dataUri, details, type Html, html, preformatted, table } from "../../report/html.js"
import type { WrongAnswer } from "../results/wrong-answers.js"
import { choiceTable } from "./choice-table.js"

/** Pixels of a picture: of each that a screen has, two. */
const SIDE = 192
/** Characters of a prompt, and of an answer, that are shown without being asked for. */
const LONGEST_PROMPT = 500
const LONGEST_ANSWER = 800

export async function wrongAnswerView(wrong: WrongAnswer): Promise<Html> {
  const { index, context, unread, failed } = wrong
  const state = failed !== undefined ? "no answer" : unread ? "could not be read" : undefined
  const count = picturesOf(wrong).length
  const about = [`document ${index}`, ...(count > 1 ? [`1 of ${count} pictures`] : [])].join(", ")
  const prompt: Content =
    context.length <= LONGEST_PROMPT
      ? html`<p>${context}</p>`
      : [html`<p>${cut(context, LONGEST_PROMPT)}</p>`, details("the whole prompt", preformatted(context))]
  return html`<div class="sample">${await pictureView(wrong)}<div><p class="soft">${about}${state && html` · <span class="bad">${state}</span>`}</p>
${prompt}
${answerTable(wrong)}</div></div>
`
}

/** What was answered, beside what is right; of what could be chosen all of it. */
function answerTable({ answer, read, target, failed, choices, logLikelihoods }: WrongAnswer): Html {
  if (choices)
    return choiceTable(choices, [
      failed === undefined ? { of: "answered", answer, logLikelihoods } : { of: "failed", answer: failed },
    ])
  const rows: Content[][] = [
    failed === undefined ? ["answered", cut(answer, LONGEST_ANSWER)] : ["failed", failed],
    ...(read !== undefined && failed === undefined ? [["read", cut(read, LONGEST_ANSWER)]] : []),
    ["right", cut(target, LONGEST_ANSWER)],
  ]
  return table([{ title: "" }, { title: "" }], rows)
}

/** Of several pictures the first. */
async function pictureView(wrong: WrongAnswer): Promise<Html | undefined> {
  const [first] = picturesOf(wrong)
  if (!first) return undefined
  try {
    const small = await thumbnail(first.bytes, SIDE, "webp")
    return html`<div><img src="${dataUri(small, "image/webp")}" alt="" width="96"></div>`
  } catch (error) {
    if (error instanceof UserError) return html`<div class="soft">the picture cannot be decoded</div>`
    throw error
  }
}

/** A document may lack its pictures, or have other things in their place: it is shown without. */
function picturesOf({ pictures }: WrongAnswer): WrongAnswer["pictures"] {
  return pictures.filter(({ bytes }) => bytes.length > 0)
}

const cut = (text: string, longest: number): string => (text.length <= longest ? text : `${text.slice(0, longest)} …`)
