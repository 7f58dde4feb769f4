import { signal } from "@preact/signals"
import { useMemo } from "preact/hooks"
import { xyChart } from "../../../src/report/svg.js"
import { stored } from "../state/stored.js"
import { logs } from "../state/trainings.js"
import { metricName, metricsOf, seriesOf, shown } from "../training/charts.js"

const metrics = stored<readonly string[]>("metrics", ["loss", "learningRate"])
const isLog = stored("log-scale", false)
const width = signal(innerWidth)
addEventListener("resize", () => (width.value = innerWidth))

/** A chart for each chosen metric, a line for each chosen run. */
export function Curves() {
  const all = [...logs.value].map(([name, log]) => ({ name, log }))
  const known = metricsOf(all.map(({ log }) => log))
  const chosen = known.filter((metric) => metrics.value.includes(metric))
  const toggle = (metric: string) => {
    const others = metrics.value.filter((one) => one !== metric)
    metrics.value = others.length < metrics.value.length ? others : [...others, metric]
  }
  if (known.length === 0) return <p class="hint">No step is logged yet.</p>
  return (
    <>
      <fieldset class="metrics">
        <legend>Metrics</legend>
        {known.map((metric) => (
          <label class="check" key={metric}>
            <input type="checkbox" checked={metrics.value.includes(metric)} onChange={() => toggle(metric)} />
            {metricName(metric)}
          </label>
        ))}
        <label class="check apart">
          <input type="checkbox" checked={isLog} onChange={(event) => (isLog.value = event.currentTarget.checked)} />
          logarithmic
        </label>
      </fieldset>
      <div class="charts">
        {chosen.map((metric) => (
          <Curve key={metric} metric={metric} />
        ))}
      </div>
      {chosen.length > 0 && <Latest metrics={chosen} />}
    </>
  )
}

function Curve({ metric }: { metric: string }) {
  const all = logs.value
  const log = isLog.value
  const narrow = width.value < 520
  const chart = useMemo(() => {
    const series = seriesOf(
      [...all].map(([name, log]) => ({ name, log })),
      metric,
    )
    const title = metricName(metric)
    const size = narrow ? { width: 330, height: 230 } : {}
    return xyChart({ title, ...size, x: { label: "step" }, y: { label: "", log }, series }).text
  }, [all, metric, log, narrow])
  // The chart of the reports: its texts are escaped.
  return <div dangerouslySetInnerHTML={{ __html: chart }} />
}

/** The newest values as a table: what a chart says, for those who do not see it. */
function Latest({ metrics }: { metrics: readonly string[] }) {
  return (
    <div class="scroll">
      <table>
        <caption>Latest step</caption>
        <thead>
          <tr>
            <th scope="col">run</th>
            <th scope="col">step</th>
            {metrics.map((metric) => (
              <th scope="col" key={metric}>
                {metricName(metric)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {[...logs.value].map(([name, { last }]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{shown(last?.step)}</td>
              {metrics.map((metric) => (
                <td key={metric}>{shown(last?.[metric])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
