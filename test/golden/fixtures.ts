/** Golden cases on the terminal: a line per kind, what failed and how, and the count at the end. */

import { EXIT_FAILED } from "../../src/cli/process/errors.js"
import { Progress, type TextStream } from "../../src/cli/ui/progress.js"
import { padTo } from "../../src/cli/ui/width.js"
import { type KindResult, runFixtures } from "./run.js"

export interface FixturesOptions {
  only?: string
  signal?: AbortSignal
  output?: TextStream
  progress?: TextStream
}

/** Failures that are told in full, per kind. */
const SHOWN = 5

/** @returns the exit code: 1 when a case failed, or none was found */
export async function fixtures(
  folder: string,
  { only, signal, output = process.stdout, progress: stream = process.stderr }: FixturesOptions = {},
): Promise<number> {
  const progress = new Progress("golden cases", { stream })
  const count = { passed: 0, failed: 0, skipped: 0 }
  let total = 0
  let done = 0
  for await (const event of runFixtures(folder, { only, signal })) {
    if (event.type === "found") total = event.cases
    else if (event.type === "case") progress.update(done++, total, `${event.kind}: ${event.id}`)
    else {
      progress.clear()
      output.write(linesOf(event.result))
      count.passed += event.result.passed
      count.failed += event.result.failed
      count.skipped += event.result.skipped
    }
  }
  progress.finish()
  if (count.skipped > 0) output.write(`${count.skipped} skipped: there is no code for these yet\n`)
  output.write(`${count.passed} passed, ${count.failed} failed\n`)
  return count.failed > 0 || count.passed === 0 ? EXIT_FAILED : 0
}

function linesOf({ kind, passed, failed, skipped, failures }: KindResult): string {
  const counts = [
    passed > 0 ? `${passed} passed` : "",
    failed > 0 ? `${failed} failed` : "",
    skipped > 0 ? `${skipped} skipped` : "",
  ]
  const lines = [`${padTo(kind, 60)} ${counts.filter(Boolean).join(", ")}`]
  for (const { id, message } of failures.slice(0, SHOWN)) lines.push(`  ${id}: ${message.replaceAll("\n", "\n    ")}`)
  if (failures.length > SHOWN) lines.push(`  … and ${failures.length - SHOWN} more`)
  return lines.map((line) => `${line}\n`).join("")
}
