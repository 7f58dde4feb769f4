/** The summary of `.ci/run`: counts, and what was skipped with the reasons. */

import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, expect, it } from "vitest"

const folder = mkdtempSync(join(tmpdir(), "summary-"))
afterAll(() => rmSync(folder, { recursive: true }))

function summary(report: unknown): string[] {
  const file = join(folder, "report.json")
  writeFileSync(file, typeof report === "string" ? report : JSON.stringify(report))
  const program = resolve(import.meta.dirname, "../../.ci/summary.mjs")
  return execFileSync(process.execPath, [program, file], { encoding: "utf8" }).trimEnd().split("\n")
}
const skipped = (title: string, ...ancestorTitles: string[]) => ({ status: "skipped", title, ancestorTitles })

it("says what was skipped, by reason; a file that does not load is a failure", () => {
  const assertionResults = [
    { status: "passed", title: "passes", ancestorTitles: [] },
    skipped("is the same [needs golden cases]"),
    skipped("is different", "golden text [needs golden cases]"),
    skipped("fills a disk [needs Linux]", "signals"),
    skipped("20 cases of image processing, SigLIP [needs code that there is not yet]", "golden cases"),
    skipped("10 cases of anyres tiles [needs code that there is not yet]", "golden cases"),
    skipped("is left out", "somewhere"),
  ]
  const testResults = [
    { status: "passed", assertionResults },
    { status: "failed", assertionResults: [] },
  ]
  expect(summary({ numPassedTests: 1, numFailedTests: 2, testResults })).toEqual([
    "skipped 2 tests, needing golden cases",
    "skipped 1 test, needing Linux",
    "skipped 30 golden cases, needing code that there is not yet",
    "      20  image processing, SigLIP",
    "      10  anyres tiles",
    "skipped 1 test, needing a reason, which its title does not give",
    "1 3",
  ])
})

it("counts nothing where there is no report, or half of one", () => {
  expect(summary("{")).toEqual(["0 0"])
})
