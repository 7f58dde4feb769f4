/** Cases of records that name the model they were made with. */

import type { Model } from "../../src/models/registry.js"
import { Mismatch } from "./check.js"
import type { FixtureFolder } from "./folder.js"
import type { ShelfModel } from "./models.js"
import type { FixtureCase, FixtureGroup } from "./types.js"

/**
 * One case for each record, run in either rounding of the rotary frequencies; records of models without code are counted
 * by the type of the model.
 */
export function casesByModel<R extends { model: string }>(
  kind: string,
  records: readonly R[],
  folder: FixtureFolder,
  { id, check }: { id(record: R): string; check(record: R, model: Model, named: ShelfModel): void | Promise<void> },
): FixtureGroup[] {
  const cases: FixtureCase[] = []
  const skipped: FixtureGroup[] = []
  for (const record of records) {
    const named = folder.models.named(record.model)
    if (named && !named.supported) skipped.push({ kind: `${kind}, ${named.modelType}`, skipped: 1 })
    else
      cases.push({
        id: id(record),
        async run() {
          if (!named) throw new Mismatch(`the folder has no model ${record.model}`)
          await folder.models.checkAnyReading(named, (model) => check(record, model, named))
        },
      })
  }
  return records.length === 0 ? [] : [{ kind, cases }, ...skipped]
}
