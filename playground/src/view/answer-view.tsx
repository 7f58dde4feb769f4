import { useState } from "preact/hooks"
import { type Answer, isRunning } from "../answer/answer.js"
import { settledBefore } from "../answer/timeline.js"
import type { Picture } from "../protocol/request.js"
import type { Asked } from "../state/asking.js"
import { Cells } from "./cells.js"
import { Commands } from "./commands.js"
import { Copy } from "./copy.js"
import { Cost } from "./cost.js"
import { ProblemNotice } from "./problem-notice.js"
import { Replay } from "./replay.js"

interface AnswerViewProps {
  asked: Asked
  /** Of the whole conversation, and of this question alone. */
  pictures: readonly Picture[]
  newest: readonly Picture[]
  onAgain?: () => void
}

/** An answer: while it is denoised the block under way, then its text, with everything one may ask about it. */
export function AnswerView({ asked, pictures, newest, onAgain }: AnswerViewProps) {
  const answer = asked.answer.value
  const running = isRunning(answer)
  /** The moment that is replayed; undefined for the answer as it is. */
  const [moment, setMoment] = useState<number>()
  const { request } = asked
  return (
    <div class="answer">
      <h2 class="by">
        <span class="unseen">Answer of </span>
        {request.model}
        {request.diffusion.mode ? ` · ${request.diffusion.mode}` : ""}
      </h2>
      <Body answer={answer} moment={moment} />
      {answer.problem && <ProblemNotice problem={answer.problem} onAgain={onAgain} />}
      {!running && <Replay answer={answer} moment={moment} onChange={setMoment} />}
      <Cost answer={answer} />
      {!running && (
        <div class="row flush">
          {answer.text && <Copy text={answer.text} />}
          {onAgain && !answer.problem && (
            <button type="button" class="quiet" onClick={onAgain}>
              Ask again
            </button>
          )}
          <Commands request={request} pictures={pictures} newest={newest} />
        </div>
      )}
    </div>
  )
}

function Body({ answer, moment }: { answer: Answer; moment: number | undefined }) {
  const { timeline, text } = answer
  if (answer.status === "waiting") return <p class="text waiting">Reading the question …</p>
  const shown = isRunning(answer) ? timeline?.moments.at(-1) : timeline?.moments[moment ?? -1]
  if (!timeline || !shown) {
    if (text) return <p class="text">{text}</p>
    return answer.status === "done" ? <p class="hint">The answer is empty.</p> : null
  }
  return (
    <p class="text">
      {settledBefore(timeline, shown)}
      <Cells cells={shown.cells} />
    </p>
  )
}
