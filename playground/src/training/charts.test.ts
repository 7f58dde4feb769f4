import { expect, test } from "vitest"
import { ago, metricName, metricsOf, seriesOf, shown } from "./charts.js"
import { MetricsLog } from "./metrics-log.js"

const logOf = (text: string): MetricsLog => {
  const log = new MetricsLog()
  log.push(text)
  return log
}
const one = logOf('{"step":1,"maskedShare":0.5,"loss":3}\n{"step":2,"maskedShare":0.4,"loss":2}\n')
const other = logOf('{"step":1,"loss":4,"learningRate":0.001}\n')

test("metrics of several trainings: the usual ones first", () => {
  expect(metricsOf([one, other])).toEqual(["loss", "learningRate", "maskedShare"])
  expect(metricsOf([one, other]).map(metricName)).toEqual(["loss", "learning rate", "masked share"])
})

test("lines over steps; a training without the metric has an empty one and keeps its colour", () => {
  const logs = [
    { name: "a", log: other },
    { name: "b", log: one },
  ]
  expect(seriesOf(logs, "maskedShare")).toEqual([
    { name: "a", line: [] },
    {
      name: "b",
      line: [
        { x: 1, y: 0.5 },
        { x: 2, y: 0.4 },
      ],
    },
  ])
})

test("numbers and times as they are read", () => {
  expect([shown(1234567), shown(0.123456), shown(1e-5), shown(null), shown(Number.NaN), shown(1234.5678)]).toEqual([
    "1,234,567",
    "0.1235",
    "1.00e-5",
    "–",
    "–",
    "1,235",
  ])
  const now = 1_000_000_000_000
  expect(ago(now - 30_000, now)).toBe("just now")
  expect(ago(now - 60_000, now)).toBe("1 minute ago")
  expect(ago(new Date(now - 7_200_000).toISOString(), now)).toBe("2 hours ago")
  expect(ago(now - 3 * 86_400_000, now)).toBe("3 days ago")
  expect(ago("nonsense", now)).toBe("")
})
