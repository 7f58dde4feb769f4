/** Runs the golden cases of a folder, kind by kind. */

import { messageOf } from "../../src/errors.js"
import { Mismatch } from "./check.js"
import { discoverKinds, type FixtureKind } from "./discover.js"
import { FixtureFolder } from "./folder.js"

export interface FixtureFailure {
  id: string
  message: string
}
export interface KindResult {
  kind: string
  passed: number
  failed: number
  skipped: number
  failures: FixtureFailure[]
}

export type FixtureEvent =
  | { type: "found"; kinds: number; cases: number; skipped: number }
  /** Before each case. */
  | { type: "case"; kind: string; id: string }
  | { type: "kind"; result: KindResult }

/**
 * @param folder in the layout of the golden fixtures; what is in it decides what runs
 * @param only runs the kinds whose name holds this text
 * @throws UserError when there is no such folder
 */
export async function* runFixtures(
  folder: string,
  { only = "", signal }: { only?: string; signal?: AbortSignal } = {},
): AsyncGenerator<FixtureEvent> {
  const kinds = discoverKinds(new FixtureFolder(folder)).filter(({ kind }) => kind.includes(only))
  const sum = (count: (kind: FixtureKind) => number): number => kinds.reduce((n, kind) => n + count(kind), 0)
  yield {
    type: "found",
    kinds: kinds.length,
    cases: sum(({ cases }) => cases.length),
    skipped: sum(({ skipped }) => skipped),
  }
  for (const { kind, cases, skipped } of kinds) {
    const failures: FixtureFailure[] = []
    for (const { id, run } of cases) {
      signal?.throwIfAborted()
      yield { type: "case", kind, id }
      try {
        await run()
      } catch (error) {
        // A crash is a failure too; its class tells it from a wrong number.
        const crash = error instanceof Mismatch ? "" : `${(error as Error).name}: `
        failures.push({ id, message: crash + messageOf(error) })
      }
    }
    const result = { kind, passed: cases.length - failures.length, failed: failures.length, skipped, failures }
    yield { type: "kind", result }
  }
}
