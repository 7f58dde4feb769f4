/** Golden cases of full-diffusion decoding: every step of the reference. */

import { endToken, maskToken } from "../../../src/checkpoint/config.js"
import type { Model } from "../../../src/models/registry.js"
import type { DecodeDone, StepEvent } from "../../../src/paradigms/decode-events.js"
import type { FullRemasking } from "../../../src/paradigms/full-diffusion/remasking.js"
import { decodeFullDiffusion } from "../../support/decode.js"
import { expectEqual, expectNear, Mismatch } from "../check.js"
import type { FixtureFolder, JsonDocument } from "../folder.js"
import { has, isObject, listAt, recordsWith } from "../json.js"
import type { ShelfModel } from "../models.js"
import { TOLERANCES } from "../tolerances.js"
import type { Recogniser } from "../types.js"

interface StepRecord {
  candidates: number[]
  token: number[]
  conf: number[]
  fixed: number[]
  k: number
}
interface FullRecord {
  id: string
  model?: string
  /** Index into the document's prompts. */
  prompt: number
  P: number
  options: {
    steps: number
    gen_length: number
    block_length: number
    remasking?: FullRemasking
    cfg_scale?: number
    temperature?: number
    threshold?: number
    prefix_refresh_interval?: number
  }
  stop_ids: number[][]
  returned_ids: number[]
  n_forwards: number
  steps: StepRecord[]
  /** Numbers of random remasking: one row per step. */
  rand?: number[][]
}

export const recogniseFullDiffusion: Recogniser = (document, folder) => {
  const { value } = document
  const records = recordsWith(value, "options", "returned_ids", "steps", "n_forwards") as unknown[] as FullRecord[]
  if (records.length === 0 || !isObject(value)) return []
  const modelOf = (record: FullRecord): ShelfModel | undefined =>
    folder.models.named(record.model) ?? folder.models.named(value.model) ?? folder.models.named(value.note)
  const run = (reference: boolean) =>
    records.map((record) => ({
      id: record.id,
      run: () => checkRecord(record, modelOf(record), document, folder, reference),
    }))
  return [
    { kind: "full-diffusion decoding, every step of the reference", cases: run(true) },
    { kind: "full-diffusion decoding, same text", cases: run(false) },
  ]
}

async function checkRecord(
  record: FullRecord,
  named: ShelfModel | undefined,
  { value }: JsonDocument,
  folder: FixtureFolder,
  reference: boolean,
): Promise<void> {
  if (!named) throw new Mismatch("the document names no model that is in the folder")
  if (record.options.temperature) throw new Mismatch("the reference's noise at a temperature is not in the case")
  const model = folder.models.load(named)
  const prompt = listAt(value, "prompts")[record.prompt]
  if (!has(prompt, "input_ids")) throw new Mismatch(`the document has no prompt ${record.prompt}`)
  const ids = Int32Array.from(prompt.input_ids as number[])
  expectEqual(ids.length, record.P, "tokens of the prompt")
  const suppress = has(value, "suppressed_ids") ? (value.suppressed_ids as number[]) : []
  const { steps, done } = await decode(model, ids, record, suppress, reference)
  if (reference) {
    expectEqual(done.ids, record.returned_ids, "answer")
    expectEqual(done.stats.forwards, record.n_forwards, "forwards")
    checkSteps(record, steps)
    return
  }
  const { eosIndex } = done
  const end = eosIndex === undefined ? record.returned_ids.length : eosIndex + 1
  const first = record.returned_ids.indexOf(endToken(model.config))
  expectEqual(eosIndex ?? -1, first, "first end of sequence")
  expectEqual(done.ids.subarray(0, end), record.returned_ids.slice(0, end), "answer up to the end of sequence")
  if (done.stats.forwards > record.n_forwards)
    throw new Mismatch(`${done.stats.forwards} forwards, the reference needs ${record.n_forwards}`)
}

async function decode(
  model: Model,
  ids: Int32Array,
  { options, stop_ids: stop, rand = [] }: FullRecord,
  suppress: readonly number[],
  reference: boolean,
): Promise<{ steps: StepEvent[]; done: DecodeDone }> {
  const uniforms = rand.flat().values()
  const steps: StepEvent[] = []
  for await (const event of decodeFullDiffusion(
    model,
    { ids },
    {
      maskToken: maskToken(model.config),
      eos: [endToken(model.config)],
      genLength: options.gen_length,
      blockSize: options.block_length,
      steps: options.steps,
      remasking: options.remasking,
      guidance: options.cfg_scale,
      threshold: options.threshold,
      prefixRefresh: options.prefix_refresh_interval,
      stop,
      suppress,
      uniform: () => uniforms.next().value as number,
      reference,
    },
  )) {
    if (event.type === "step") steps.push(event)
    if (event.type === "done") return { steps, done: event }
  }
  throw new Mismatch("decoding did not end")
}

function checkSteps({ steps: golden, options }: FullRecord, steps: readonly StepEvent[]): void {
  expectEqual(steps.length, golden.length, "number of steps")
  for (const [i, { positions, ids, confidences, fixed }] of steps.entries()) {
    const [expected, where] = [golden[i], `step ${i}`]
    expectEqual(positions, expected.candidates, `${where}, candidates`)
    expectEqual(ids, expected.token, `${where}, tokens`)
    expectEqual(
      fixed,
      [...expected.fixed].sort((a, b) => a - b),
      `${where}, fixed`,
    )
    // With random remasking the reference's confidence is the random number.
    if (options.remasking === "random") continue
    for (const [row, confidence] of confidences.entries())
      expectNear(confidence, expected.conf[row], TOLERANCES.confidence, `${where}, confidence of row ${row}`)
  }
}
