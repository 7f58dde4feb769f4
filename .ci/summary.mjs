// What a run of the tests came to, from vitest's JSON report: node summary.mjs REPORT. What was skipped and why, then
// `PASSED FAILED` as the last line.

import { readFileSync } from "node:fs"

let report = { numPassedTests: 0, numFailedTests: 0, testResults: [] }
try {
  report = JSON.parse(readFileSync(process.argv[2], "utf8"))
} catch {
  // No report: nothing passed.
}

const counted = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`

/** Skipped tests, and golden cases by their kind, under the need that stands in the title of the test or of a suite around it. */
const skipped = new Map()
for (const { status, title, ancestorTitles } of report.testResults.flatMap((file) => file.assertionResults)) {
  if (status !== "skipped" && status !== "pending") continue
  const titles = [title, ...ancestorTitles].join("\n")
  const need = /\[needs ([^\]]*)\]/.exec(titles)?.[1] ?? "a reason, which its title does not give"
  const group = skipped.get(need) ?? { tests: 0, cases: 0, kinds: [] }
  skipped.set(need, group)
  const kind = /^(\d+) cases of (.*?) \[/.exec(title)
  if (kind) {
    group.cases += Number(kind[1])
    group.kinds.push(`${kind[1].padStart(8)}  ${kind[2]}`)
  } else group.tests++
}
for (const [need, { tests, cases, kinds }] of skipped) {
  const what = [tests > 0 && counted(tests, "test"), cases > 0 && counted(cases, "golden case")].filter(Boolean)
  console.log([`skipped ${what.join(" and ")}, needing ${need}`, ...kinds].join("\n"))
}

// A file that does not even load has no tests to count: it is one failure.
const broken = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0)
console.log(`${report.numPassedTests} ${report.numFailedTests + broken.length}`)
