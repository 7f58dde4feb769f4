/** What could be chosen: which choice is right, which was chosen, and how likely each was. */

import { type Content, type Html, table } from "../../report/html.js"
import { fixed } from "../../report/numbers.js"
import type { Choice } from "../results/choices.js"

/** Who chose. */
export interface Chooser {
  /** What stands beside the choice. */
  of: string
  /** The choice's text; another text gets a row of its own. */
  answer: string
  /** Of each choice, in their order, where they are known. */
  logLikelihoods?: readonly number[]
}

export function choiceTable(choices: readonly Choice[], choosers: readonly Chooser[]): Html {
  const known = choosers.filter(({ logLikelihoods }) => logLikelihoods?.length === choices.length)
  const chosen = choosers.map(({ answer }) => choices.findIndex(({ text }) => text === answer.trim()))
  const rows = choices.map(({ text, isRight }, i): Content[] => {
    const marks = [...choosers.filter((_, run) => chosen[run] === i).map(({ of }) => of), ...(isRight ? ["right"] : [])]
    return [marks.join(", "), text, ...known.map(({ logLikelihoods }) => fixed(logLikelihoods![i], 2))]
  })
  const others = choosers
    .filter((_, run) => chosen[run] < 0)
    .map(({ of, answer }) => [of, answer, ...known.map(() => "")])
  const likelihoods = known.map(({ of }) => ({
    title: choosers.length === 1 ? "log-likelihood" : `log-likelihood, ${of}`,
    number: true,
  }))
  return table([{ title: "" }, { title: "choice" }, ...likelihoods], [...rows, ...others])
}
