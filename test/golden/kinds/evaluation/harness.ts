/** Golden cases of settings, order, records and names. */

import { modelName } from "../../../../src/eval/results/names.js"
import { authorsOrder } from "../../../../src/eval/run/authors-order.js"
import { firstDocuments, limitOf, selected } from "../../../../src/eval/run/selection.js"
import {
  authorsOptions,
  effectiveOptions,
  type GenerationOptions,
  taskFileOptions,
} from "../../../../src/eval/task/generation-settings.js"
import { pythonRandom } from "../../../../src/eval/task/python-random.js"
import { resultKeys } from "../../../../src/eval/task/result-keys.js"
import { sampleRecord, sha256 } from "../../../../src/eval/task/sample-record.js"
import { tokensPerSecond } from "../../../../src/eval/task/speed.js"
import { Mismatch } from "../../check.js"
import { isObject, type Json } from "../../json.js"
import { inOrderOf } from "./answers.js"
import { docIn, listIn, numberIn, type Stage, taskOf, textIn } from "./stage.js"

/** Names of what requests are grouped by. */
const OPTIONS = /options|kwargs|group/

const limitIn = ({ limit }: Json): number | undefined => (typeof limit === "number" ? limit : undefined)

export const HARNESS_STAGES: Readonly<Record<string, Stage>> = {
  sanitize_model_name: (record) => modelName(textIn(record, "model_name")),
  limit(record) {
    const limit = limitIn(record)
    return limit === undefined ? null : limitOf(numberIn(record, "num_docs"), limit)
  },
  rank_docs(record) {
    const first = firstDocuments(numberIn(record, "num_docs"), limitIn(record))
    return selected(first, { index: numberIn(record, "rank") + 1, count: numberIn(record, "world_size") })
  },
  execution_order(record) {
    const requests = listIn(record, "requests") as ({ context: string; num_tokens: number } & Json)[]
    const ours = requests.map(({ context, num_tokens: tokens, ...others }) => ({
      ...{ context, tokens, options: JSON.stringify(Object.entries(others).filter(([key]) => OPTIONS.test(key))) },
    }))
    return authorsOrder(ours).map(({ context }) => context)
  },
  generation_kwargs(record) {
    const { generation } = taskOf(record)
    return {
      task_file: taskFileOptions(generation),
      effective: effectiveOptions(generation, record.cli as GenerationOptions),
    }
  },
  result_keys(record) {
    const keys = new Set(resultKeys(taskOf(record)))
    const expected = listIn(record, "expected") as string[]
    // As a set: in the order of what is expected.
    return [...expected.filter((key) => keys.delete(key)), ...keys]
  },
  sample_record(record) {
    const task = taskOf(record)
    const options = effectiveOptions(task.generation, authorsOptions(task.name))
    const sample = {
      docId: numberIn(record, "doc_id"),
      doc: docIn(record),
      answer: textIn(record, "response"),
      options,
    }
    const made = sampleRecord(task, sample, { arguments: "names", compat: { draw: pythonRandom(0) } })
    const [keys, expected] = [Object.keys(made), Object.keys(record.expected as Json)].map((names) => names.join(", "))
    if (keys !== expected) throw new Mismatch(`the keys are ${keys}, not ${expected}`)
    return withOpenAnswerInOrderOf(record.expected as Json, made)
  },
  sha256: (record) => sha256(textIn(record, "text")),
  speed(record) {
    const { total, perProcess } = tokensPerSecond({
      tokens: numberIn(record, "total_tokens"),
      seconds: numberIn(record, "duration_s"),
      processes: numberIn(record, "world_size"),
    })
    return { tps_total: total, tps_per_gpu: perProcess }
  },
}

/** MMMU's record of an open answer is the only list without an order. */
function withOpenAnswerInOrderOf({ mmmu_acc: expected }: Json, made: Json): Json {
  const value = made.mmmu_acc
  if (!isObject(expected) || !isObject(value)) return made
  const [wanted, read] = [expected.parsed_pred, value.parsed_pred]
  if (!Array.isArray(wanted) || !Array.isArray(read)) return made
  return { ...made, mmmu_acc: { ...value, parsed_pred: inOrderOf(wanted, read) } }
}
