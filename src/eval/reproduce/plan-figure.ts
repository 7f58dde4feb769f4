/** Figures 4 and 5 as the paper has them: which models are decoded in which ways. */

import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import { planSteps, planThresholds, type Subject } from "../ablate/decodings.js"
import type { Plan } from "../ablate/plan.js"
import type { PaperFigure } from "./paper/figures.js"
import { reasonOf } from "./run-tasks.js"

/** Steps of a block, of figure 5. */
const STEPS = 8
const THRESHOLDS = [1, 0.8, 0.6, 0.4, 0.2]
/** LLaDA-V's recommended settings: what lies before the block is computed anew every so many steps. */
const PREFIX_REFRESH = 32

/** Tokens of an answer: the paper's text has lost how many; the benchmark's file asks for so many at most. */
export const FIGURE_TOKENS = 512

/**
 * @param maxTokens of an answer
 * @param notRun is told of models that the figure is not about, or that cannot be decoded so
 * @returns undefined where none can be
 */
export function planFigure(
  { name }: Pick<PaperFigure, "name">,
  subjects: readonly Subject[],
  maxTokens: number,
  notRun: string[],
): Plan | undefined {
  const inBlocks = subjects.filter(({ session: { paradigm } }) => paradigm.masks && !paradigm.wholeAnswer)
  if (name === "figure4") {
    // Whoever decodes in blocks comes first: others are measured at the same parallelism.
    const [subject, ...others] = [...inBlocks, ...subjects.filter((one) => !inBlocks.includes(one))]
    const plan = subject && planned(subject, notRun, () => planSteps(subject, others, { decoding: { maxTokens } }))
    const whole = new Set(subjects.filter(({ session }) => session.paradigm.wholeAnswer).map(({ model }) => model))
    const variants = plan?.variants.map((variant) =>
      whole.has(variant.model)
        ? { ...variant, decoding: { ...variant.decoding, prefixRefresh: PREFIX_REFRESH } }
        : variant,
    )
    return plan && variants && { ...plan, variants }
  }
  for (const { title } of subjects.filter((one) => !inBlocks.includes(one)))
    notRun.push(`${title}: it does not decode in blocks, which this figure is about`)
  const decoding: DecodingOptions = { maxTokens, steps: STEPS, strategy: "low_confidence_dynamic" }
  const plans = inBlocks.flatMap((subject) => {
    const plan = planned(subject, notRun, () => planThresholds(subject, [], { thresholds: THRESHOLDS, decoding }))
    return plan ? [plan] : []
  })
  return plans[0] && { ...plans[0], variants: plans.flatMap(({ variants }) => variants) }
}

function planned(subject: Subject, notRun: string[], plan: () => Plan): Plan | undefined {
  try {
    return plan()
  } catch (error) {
    notRun.push(`${subject.title}: ${reasonOf(error)}`)
    return undefined
  }
}
