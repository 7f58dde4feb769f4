/** An answer on its way: the stream is heard, and what it says is shown once per frame of the screen. */

import { type Signal, signal } from "@preact/signals"
import { type Answer, ended, heard, newAnswer, toForget } from "../answer/answer.js"
import { streamAnswer } from "../protocol/client.js"
import type { ChatRequest } from "../protocol/contract.js"
import { problemOf } from "../protocol/problem.js"
import { announce } from "./announce.js"
import { apiKey } from "./models.js"

export interface Asked {
  request: ChatRequest
  answer: Signal<Answer>
  /** Resolves when it ended, however it did. */
  finished: Promise<void>
  stop(): void
}

/** Answers whose steps are kept, oldest first. */
let recent: readonly Signal<Answer>[] = []

export function ask(request: ChatRequest): Asked {
  const answer = signal(newAnswer())
  recent = [...recent, answer]
  for (const old of toForget(recent)) {
    old.value = { ...old.value, timeline: undefined }
    recent = recent.filter((one) => one !== old)
  }
  announce("The question was sent.")
  const aborter = new AbortController()
  return { request, answer, finished: listen(request, answer, aborter.signal), stop: () => aborter.abort() }
}

async function listen(request: ChatRequest, shown: Signal<Answer>, signal: AbortSignal): Promise<void> {
  let answer = shown.value
  let frame = 0
  const show = () => {
    frame = 0
    // Its steps may have been forgotten meanwhile.
    if (!shown.value.timeline) answer = { ...answer, timeline: undefined }
    shown.value = answer
  }
  try {
    for await (const event of streamAnswer(request, { key: apiKey.value, signal })) {
      answer = heard(answer, event)
      frame ||= requestAnimationFrame(show)
    }
    answer = ended(answer, "done")
  } catch (error) {
    answer = signal.aborted ? ended(answer, "stopped") : ended(answer, "failed", problemOf(error))
  }
  cancelAnimationFrame(frame)
  show()
  announce(spoken(answer))
}

/** What is said of an answer that ended; a failure speaks for itself. */
function spoken({ status, text }: Answer): string {
  if (status === "failed") return ""
  return status === "stopped" ? `Stopped. Answer so far: ${text}` : `Answer: ${text}`
}
