import { signal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { MOST_RUNS, runs, runsProblem, shownRuns, watchRuns } from "../state/trainings.js"
import { ago } from "../training/charts.js"
import { Curves } from "./curves.js"
import { ProblemNotice } from "./problem-notice.js"
import { ReportLink } from "./report-link.js"

const now = signal(Date.now())

/** Training runs of the server's folder: their curves, live, and their reports. */
export function Trainings() {
  useEffect(watchRuns, [])
  useEffect(() => {
    const timer = setInterval(() => (now.value = Date.now()), 10_000)
    return () => clearInterval(timer)
  }, [])
  const known = runs.value
  return (
    <div class="trainings">
      <h1>Training</h1>
      {runsProblem.value && <ProblemNotice problem={runsProblem.value} />}
      {known?.length === 0 && <NoRuns />}
      {known && known.length > 0 && <RunList />}
      {(shownRuns.value?.length ?? 0) > 0 && <Curves />}
    </div>
  )
}

function NoRuns() {
  return (
    <p>
      No training yet. <code>npx diffusionvl train RECIPE</code> or <code>translate</code> in the folder of the server
      writes to <code>runs/</code>, and its curves appear here while it goes on.
    </p>
  )
}

function RunList() {
  const shown = shownRuns.value ?? []
  const toggle = (name: string) => {
    shownRuns.value = shown.includes(name) ? shown.filter((one) => one !== name) : [...shown, name]
  }
  return (
    <fieldset class="runs">
      <legend>Runs</legend>
      <ul>
        {runs.value?.map(({ name, updated, steps, report }) => (
          <li key={name}>
            <label class="check">
              <input
                type="checkbox"
                checked={shown.includes(name)}
                disabled={!shown.includes(name) && shown.length >= MOST_RUNS}
                onChange={() => toggle(name)}
              />
              <span class="name">{name}</span>
            </label>
            <span class="hint">
              {steps !== undefined && `${steps.toLocaleString("en")} steps, `}
              {ago(updated, now.value)}
            </span>
            {report && <ReportLink name={name} />}
          </li>
        ))}
      </ul>
    </fieldset>
  )
}
