/** A block being denoised, step by step, as an HTML table. Takes strings: it knows neither tokens nor models. */

import { type Html, html } from "./html.js"

interface DenoiseCell {
  /** The token as text. Of a masked position: what the model would put there now, if that is known. */
  text: string
  /** "new": fixed in this step; "fixed": in an earlier one. */
  state: "masked" | "fixed" | "new"
  /** Probability the model gives this token, 0 to 1. */
  confidence?: number
}

export interface DenoiseStep {
  step: number
  /** One per position of the block. */
  cells: readonly DenoiseCell[]
}

/** One row per step, one column per position. */
export function denoiseView(steps: readonly DenoiseStep[]): Html {
  return html`<div class="scroll"><table class="denoise"><tbody>${steps.map(
    ({ step, cells }) => html`<tr><th scope="row">step ${step}</th>${cells.map(cellView)}</tr>
`,
  )}</tbody></table></div>
`
}

function cellView({ text, state, confidence }: DenoiseCell): Html {
  const chance = confidence === undefined ? undefined : html`<small>${Math.round(confidence * 100)} %</small>`
  return html`<td class="${state}">${state === "masked" && text === "" ? "▒" : visible(text)}${chance}</td>`
}

/** Blanks and line breaks as marks: which token holds them is part of what is seen. */
function visible(text: string): string {
  return text
    .replace(/ /g, "·")
    .replace(/\r?\n/g, "⏎")
    .replace(/\p{Cc}/gu, "�")
}
