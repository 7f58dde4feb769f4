/** One forward for all sequences that want one: ragged, each with its own pattern and cache. */

import type { LanguageModel } from "../models/types.js"
import { blockCausal } from "../nn/attention-pattern.js"
import type { Decoding, ForwardRequest } from "../paradigms/decode-loop.js"
import type { Predictions } from "../paradigms/sampling.js"
import { cat, type Tensor } from "../torch/index.js"
import type { Slot } from "./slot.js"

export interface SlotRequest {
  slot: Slot
  request: ForwardRequest
  choose: Decoding["choose"]
}

/** Where the logits of a request come from. */
interface Wanted {
  /** The first of them was kept from an earlier forward. */
  fromBefore: boolean
  /** Rows of the request whose logits are computed now. */
  rows: Int32Array
}

/**
 * @returns what was predicted for each, or why nothing could be: a sequence whose numbers broke does not stop the others
 */
export function forwardSlots(model: LanguageModel, requests: readonly SlotRequest[]): (Predictions | Error)[] {
  for (const { slot, request } of requests) slot.cache.truncate(Math.min(slot.cache.length, request.start))
  const wanted = requests.map(({ request }) => wantedOf(request))
  const computed = requests
    .map((each, i) => ({ ...each, ...wanted[i] }))
    .filter(({ request }) => request.ids.length > 0)
  const logits = computed.length > 0 ? run(model, computed) : undefined
  for (const { slot, request } of computed) slot.cache.commit(request.commit)
  let row = 0
  return requests.map(({ slot, request, choose }, i) => {
    const { fromBefore, rows } = wanted[i]
    const own = rows.length > 0 && logits ? logits.narrow(0, row, rows.length) : undefined
    row += rows.length
    if (request.wanted.length === 0) return { ids: new Int32Array(), confidences: new Float32Array() }
    const before = fromBefore ? [slot.kept(request.wanted[0])] : []
    const all = cat(own ? [...before, own] : before)
    if (request.keep !== undefined && !(fromBefore && request.keep === request.wanted[0]))
      slot.keep(request.keep, all.narrow(0, request.wanted.indexOf(request.keep), 1))
    if (request.choice === undefined) return { ids: new Int32Array(), confidences: new Float32Array() }
    try {
      return choose(all, request.choice)
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  })
}

function wantedOf({ start, wanted }: ForwardRequest): Wanted {
  const fromBefore = wanted.length > 0 && wanted[0] < start
  return { fromBefore, rows: wanted.subarray(fromBefore ? 1 : 0).map((position) => position - start) }
}

/** Logits [n, V] of the wanted rows, request by request; undefined when nothing is wanted. */
function run(model: LanguageModel, requests: readonly (SlotRequest & Wanted)[]): Tensor | undefined {
  const positions = requests.map(({ slot, request }) => slot.positions(request))
  const axes = positions.some(({ rank }) => rank === 3)
  const hidden = model.forward({
    embeddings: cat(requests.map(({ slot, request }) => slot.embed(request))).unsqueeze(0),
    positions: cat(axes ? positions.map(onThreeAxes) : positions, axes ? 2 : 1),
    patterns: requests.map(({ slot, request: { ids, blockSize } }) => {
      const past = slot.cache.length
      return blockCausal(ids.length, Number.isFinite(blockSize) ? blockSize : past + ids.length, past)
    }),
    caches: requests.map(({ slot }) => slot.cache),
    outputRows: requests.map(({ rows }) => rows),
  })
  return hidden.shape[0] === 0 ? undefined : model.logits(hidden)
}

/** Positions [1, L] of a sequence without pictures among those with three axes: the same on each. */
const onThreeAxes = (positions: Tensor): Tensor =>
  positions.rank === 3 ? positions : positions.unsqueeze(0).expand(3, -1, -1)
