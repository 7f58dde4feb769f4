import { useEffect, useState } from "preact/hooks"
import type { Problem } from "../protocol/problem.js"
import { showKeyField } from "./key-field.js"

const WAYS = {
  pictures: "Fewer or smaller pictures may do.",
  settings: "Change the question or the settings, and ask again.",
}

/** What went wrong, and the way on. */
export function ProblemNotice({ problem, onAgain }: { problem: Problem; onAgain?: () => void }) {
  const { what, way, after } = problem
  const wait = useCountdown(after ?? 0)
  return (
    <div class="problem" role="alert">
      <p>
        {what} {way && way !== "key" && WAYS[way]}
      </p>
      {way === "key" && (
        <button type="button" onClick={showKeyField}>
          Enter a key
        </button>
      )}
      {onAgain && (
        <button type="button" onClick={onAgain} disabled={wait > 0}>
          {wait > 0 ? `Try again in ${wait} s` : "Try again"}
        </button>
      )}
    </div>
  )
}

/** Seconds that are left. */
function useCountdown(seconds: number): number {
  const [left, setLeft] = useState(seconds)
  useEffect(() => {
    if (left <= 0) return
    const timer = setTimeout(() => setLeft(left - 1), 1000)
    return () => clearTimeout(timer)
  }, [left])
  return left
}
