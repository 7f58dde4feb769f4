/** Answers that are chosen by their likelihood. */

import { UserError } from "../../../errors.js"
import { lengthOf } from "../../task/python-text.js"
import type { Answered } from "../../task/task.js"

/** The first of the largest numbers. */
const largest = (numbers: readonly number[]): number =>
  numbers.reduce((best, number, i) => (number > numbers[best] ? i : best), 0)

/**
 * acc: whether the right option is the likeliest; acc_norm: whether it is with log-likelihoods divided by the options' characters.
 * @throws UserError when the answer has no likelihoods, as of files that another program wrote
 */
export function chosenByLikelihood(
  { likelihoods }: Answered,
  options: readonly string[],
  right: number,
): { acc: number; acc_norm: number } {
  if (likelihoods?.length !== options.length)
    throw new UserError("the task is scored by the likelihoods of its options, and the answer has none", {
      fix: "run the evaluation again: answers to other options are not taken for it",
    })
  const sums = likelihoods.map(({ logLikelihood }) => logLikelihood)
  const perCharacter = sums.map((sum, i) => sum / lengthOf(options[i]))
  return { acc: Number(largest(sums) === right), acc_norm: Number(largest(perCharacter) === right) }
}
