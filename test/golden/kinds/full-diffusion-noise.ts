/** Golden cases of what a step of full diffusion draws and sees: masked tokens and turns of a conversation, from labels alone. */

import { maskedPositions, maskProbability } from "../../../src/paradigms/full-diffusion/noise.js"
import { LLADA_TURNS, turnsOf } from "../../../src/paradigms/full-diffusion/turns.js"
import type { Tensor } from "../../../src/torch/index.js"
import { expectEqual } from "../check.js"
import type { FixtureFolder, JsonDocument } from "../folder.js"
import { recordsWith } from "../json.js"
import type { Recogniser } from "../types.js"

interface Record {
  key: string
  objective: string
  /** Probability of a mask, by sample. */
  p: number[]
}

export const recogniseFullNoise: Recogniser = (document, folder) => {
  const records = recordsWith(document.value, "key", "objective", "p") as unknown[] as Record[]
  const cases = records.map((record) => ({ id: record.key, run: () => checkRecord(record, document, folder) }))
  return cases.length === 0 ? [] : [{ kind: "noise and turns, full diffusion", cases }]
}

function checkRecord({ key, p }: Record, document: JsonDocument, folder: FixtureFolder): void {
  const stored = (name: string): Tensor => folder.tensor(`${key}.${name}`, document)
  const t = stored("t").toNumbers()
  const probabilities = t.map((level) => maskProbability(level))
  expectEqual(probabilities, p, "probabilities")
  for (const [b, probability] of probabilities.entries()) {
    const row = (name: string): number[] => stored(name).select(0, b).toNumbers()
    const labels = Int32Array.from(row("spliced_labels"))
    const masked = new Set(maskedPositions(labels, probability, row("r")))
    expectEqual(
      Array.from(labels, (_, i) => (masked.has(i) ? 1 : 0)),
      row("masked"),
      `masked of sample ${b}`,
    )
    expectEqual(turnsOf(labels, LLADA_TURNS), row("conversation_ids"), `turns of sample ${b}`)
  }
}
