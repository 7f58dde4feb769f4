/** Parity of block decoding with the reference implementation, on the golden files when they are at hand. */

import { beforeAll, describe, expect, it } from "vitest"
import { goldenFeatures, goldenJson, goldenModel, goldenPresent } from "../../../test/support/golden.js"
import type { Model } from "../../models/registry.js"
import { IGNORE, IMAGE } from "../../text/conversation.js"
import { layOut } from "../../text/layout.js"
import { noGrad, setThreads } from "../../torch/index.js"
import type { DecodeEvent } from "../decode-events.js"
import type { Prompt } from "../prompt.js"
import { type BlockDecoderOptions, decodeBlocks } from "./decoder.js"
import type { RemaskingStrategy } from "./remasking.js"

interface GoldenStep {
  masked: number[]
  token: number[]
  conf: number[]
  fixed: number[]
  u?: number[]
}
interface GoldenCase {
  id: string
  prompt: number
  P: number
  gen_length: number
  block_size: number
  steps: number
  strategy: RemaskingStrategy
  confidence_threshold: number | null
  temperature: number
  top_k: number
  top_p: number
  returned_ids: number[]
  first_eos_index: number | null
  calls_rows_kv_store: number[][]
  blocks: { start: number; steps: GoldenStep[]; stored: boolean }[]
  weight_patch?: { row: number; scale: number }
}

const MASK = 151671
const EOS = 151645
const file = goldenPresent ? goldenJson("decode", "dvl_qwenvl.json") : { cases: [], prompts: [] }
const cases: GoldenCase[] = file.cases
const PARTS = 8

let model: Model
const patched = new Map<string, Model>()
const prompts: Prompt[] = []

/** The model with one row of the embedding, and of the head that is tied to it, scaled. */
function patchedModel({ row, scale }: { row: number; scale: number }): Model {
  const key = `${row} ${scale}`
  let own = patched.get(key)
  if (!own) {
    own = goldenModel("tiny-dvl-qwenvl", { trainable: true })
    const table = own.parameters().get("model.embed_tokens.weight")
    noGrad(() => table?.narrow(0, row, 1).mul_(scale))
    patched.set(key, own)
  }
  return own
}

async function decode(one: GoldenCase, reference: boolean): Promise<DecodeEvent[]> {
  const uniforms = one.blocks.flatMap(({ steps }) => steps.flatMap(({ u }) => u ?? []))
  let next = 0
  const options: BlockDecoderOptions = {
    maskToken: MASK,
    eos: [EOS],
    blockSize: one.block_size,
    steps: one.steps,
    genLength: one.gen_length,
    strategy: one.strategy,
    threshold: one.confidence_threshold ?? undefined,
    temperature: one.temperature,
    topK: one.top_k,
    topP: one.top_p,
    uniform: () => uniforms[next++],
    reference,
  }
  const events: DecodeEvent[] = []
  const chosen = one.weight_patch ? patchedModel(one.weight_patch) : model
  for await (const event of decodeBlocks(chosen, prompts[one.prompt], options)) events.push(event)
  return events
}

const stepsOf = (events: DecodeEvent[]) => events.filter((event) => event.type === "step")
const doneOf = (events: DecodeEvent[]) => events.flatMap((event) => (event.type === "done" ? [event] : []))[0]

describe.skipIf(!goldenPresent)("the reference's decoding", () => {
  beforeAll(async () => {
    // Threads wait for each other longer than they compute at this size.
    setThreads(1)
    // In float32 memory of its own: the large head would be converted in every forward.
    model = goldenModel("tiny-dvl-qwenvl", { trainable: true })
    for (const { input_ids, images, P } of file.prompts) {
      const features = await goldenFeatures(model, images, { pad: false })
      const ids = Int32Array.from(input_ids as number[])
      const rows = layOut(
        { ids, labels: ids.map(() => IGNORE) },
        features.map(({ shape }) => shape[0]),
      )
      expect(rows.ids.length).toBe(P)
      expect(ids.filter((id) => id === IMAGE).length).toBe(images.length)
      prompts.push({ ids: rows.ids, features })
    }
  })

  it("has all cases", () => {
    expect(cases.length).toBeGreaterThan(0)
    expect(cases.some((one) => one.temperature > 0)).toBe(true)
    expect(cases.some((one) => one.weight_patch)).toBe(true)
  })

  it.each(Array.from({ length: PARTS }, (_, part) => part))("reference mode, every step (part %i)", async (part) => {
    for (const one of cases.filter((_, i) => i % PARTS === part)) {
      const events = await decode(one, true)
      const golden = one.blocks.flatMap(({ start, steps }) => steps.map((step) => ({ start, ...step })))
      const steps = stepsOf(events)
      expect(steps.length, one.id).toBe(golden.length)
      steps.forEach((step, i) => {
        const where = `${one.id}, step ${i}`
        expect([step.start, ...step.positions], where).toEqual([golden[i].start, ...golden[i].masked])
        expect([...step.ids], where).toEqual(golden[i].token)
        expect([...step.fixed], where).toEqual([...golden[i].fixed].sort((a, b) => a - b))
        for (const [row, c] of step.confidences.entries())
          expect(Math.abs(c - golden[i].conf[row]), where).toBeLessThan(2e-4)
      })
      const calls = events.flatMap((event) => ("forward" in event && event.forward ? [event.forward] : []))
      expect(
        calls.map(({ rows, cached, stored }) => [rows, cached, stored > 0 ? 1 : 0]),
        one.id,
      ).toEqual(one.calls_rows_kv_store)
      expect([...doneOf(events).ids], one.id).toEqual(one.returned_ids)
      expect(doneOf(events).eosIndex ?? null, one.id).toBe(one.first_eos_index)
    }
  })

  it.each(Array.from({ length: PARTS }, (_, part) => part))("fast mode, the same answer (part %i)", async (part) => {
    for (const one of cases.filter((_, i) => i % PARTS === part)) {
      const { ids, eosIndex, stats } = doneOf(await decode(one, false))
      expect(eosIndex ?? null, one.id).toBe(one.first_eos_index)
      const end = eosIndex === undefined ? one.gen_length : eosIndex + 1
      expect([...ids.subarray(0, end)], one.id).toEqual(one.returned_ids.slice(0, end))
      expect(stats.forwards, one.id).toBeLessThan(one.calls_rows_kv_store.length)
      expect(stats.tokens, one.id).toBe(eosIndex ?? one.gen_length)
    }
  })
})
