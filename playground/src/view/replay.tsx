import { useEffect, useState } from "preact/hooks"
import { type Answer, KEPT_TIMELINES } from "../answer/answer.js"
import { describe, type Moment, title } from "../answer/timeline.js"
import { Legend } from "./cells.js"

interface ReplayProps {
  answer: Answer
  moment: number | undefined
  onChange: (moment: number | undefined) => void
}

/** How long a step is shown while it plays, in milliseconds; long answers play faster. */
const PAUSE = 220
const LONGEST = 20_000

/** A slider over the steps of an answer; its right end is the answer as it is. */
export function Replay({ answer: { timeline }, moment, onChange }: ReplayProps) {
  const [playing, setPlaying] = useState(false)
  const count = timeline?.moments.length ?? 0
  const at = Math.min(moment ?? count, count)
  useEffect(() => {
    if (!playing) return
    const timer = setTimeout(
      () => {
        onChange(at + 1 < count ? at + 1 : undefined)
        if (at + 1 >= count) setPlaying(false)
      },
      Math.min(PAUSE, LONGEST / count),
    )
    return () => clearTimeout(timer)
  }, [playing, at])
  if (!timeline)
    return <p class="hint">The steps of the last {KEPT_TIMELINES} answers are kept; those of this one are gone.</p>
  if (count < 2) return null
  const words = at < count ? describe(timeline.moments[at]) : "the answer"
  const play = () => {
    if (!playing && at === count) onChange(0)
    setPlaying(!playing)
  }
  return (
    <div class="replay">
      <button type="button" class="quiet" onClick={play} aria-label={playing ? "Pause the replay" : "Play the replay"}>
        {playing ? "❚❚" : "▶"}
      </button>
      <input
        type="range"
        aria-label="Replay"
        min={0}
        max={count}
        value={at}
        aria-valuetext={words}
        onInput={(event) => {
          setPlaying(false)
          const to = Number(event.currentTarget.value)
          onChange(to < count ? to : undefined)
        }}
      />
      <span class="hint words">
        {words}
        {timeline.every > 1 && ` (one of ${timeline.every} steps was kept)`}
      </span>
      {at < count && <Legend />}
      {at < count && <InWords moment={timeline.moments[at]} />}
    </div>
  )
}

/** What shades and bars show, for those who read it. */
function InWords({ moment }: { moment: Moment }) {
  return (
    <details class="tokens">
      <summary>Tokens in words</summary>
      <ol>
        {moment.cells.map((cell, i) => (
          <li key={i}>
            {title(cell)}
            {cell.fixed ? ", settled" : ""}
          </li>
        ))}
      </ol>
    </details>
  )
}
