/** An answer while it arrives and after: what the stream said so far. */

import type { StreamEvent } from "../protocol/client.js"
import type { AnswerCost, Usage } from "../protocol/contract.js"
import type { Problem } from "../protocol/problem.js"
import { emptyTimeline, type Timeline, withCommit, withDraft } from "./timeline.js"

export interface Answer {
  status: "waiting" | "streaming" | "done" | "stopped" | "failed"
  /** Final text. */
  text: string
  /** Missing once it was forgotten, so that the page's memory is bounded. */
  timeline?: Timeline
  /** Why it ended: "stop", "length". */
  finish?: string
  usage?: Usage
  cost?: AnswerCost
  problem?: Problem
}

export const newAnswer = (): Answer => ({ status: "waiting", text: "", timeline: emptyTimeline() })

export const isRunning = ({ status }: Answer): boolean => status === "waiting" || status === "streaming"

/** The answer after one more event of its stream. */
export function heard(answer: Answer, event: StreamEvent): Answer {
  const { timeline } = answer
  const going: Answer = { ...answer, status: "streaming" }
  if (event.type === "draft") return timeline ? { ...going, timeline: withDraft(timeline, event.draft) } : going
  if (event.type === "commit") return timeline ? { ...going, timeline: withCommit(timeline, event.commit) } : going
  const { choices = [], usage } = event.chunk
  const [choice] = choices
  const text = choice?.delta?.content ?? ""
  return {
    ...(text || answer.status === "streaming" ? going : answer),
    text: answer.text + text,
    finish: choice?.finish_reason ?? answer.finish,
    usage: usage ?? answer.usage,
    cost: usage?.diffusion ?? answer.cost,
  }
}

/** How it ended; what was heard until then stays. */
export function ended(answer: Answer, status: "done" | "stopped" | "failed", problem?: Problem): Answer {
  return { ...answer, status, problem }
}

/** Of how many answers the steps are kept. */
export const KEPT_TIMELINES = 8

/** Those of `answers`, oldest first, whose steps have to go. */
export function toForget<T>(answers: readonly T[]): readonly T[] {
  return answers.slice(0, Math.max(0, answers.length - KEPT_TIMELINES))
}
