/** Golden cases of block decoding: every step in the reference's own loop, and the same answer from the fast one. */

import { endToken, type ModelConfig, maskToken } from "../../../src/checkpoint/config.js"
import type { Model } from "../../../src/models/registry.js"
import type { ImageInput } from "../../../src/models/types.js"
import { imageProcessorOf, requireImages } from "../../../src/models/vision/images.js"
import type { BlockDecoderOptions } from "../../../src/paradigms/block-diffusion/decoder.js"
import type { RemaskingStrategy } from "../../../src/paradigms/block-diffusion/remasking.js"
import type { DecodeEvent } from "../../../src/paradigms/decode-events.js"
import type { Prompt } from "../../../src/paradigms/prompt.js"
import { IGNORE } from "../../../src/text/conversation.js"
import { layOut } from "../../../src/text/layout.js"
import { noGrad } from "../../../src/torch/index.js"
import { decodeBlocks } from "../../support/decode.js"
import { expectEqual, expectNear, Mismatch } from "../check.js"
import type { FixtureFolder, JsonDocument } from "../folder.js"
import { limitsOf } from "../image-pads.js"
import { has, isObject, listAt, namesOf, recordsWith } from "../json.js"
import type { ShelfModel, WeightPatch } from "../models.js"
import { TOLERANCES } from "../tolerances.js"
import type { Recogniser } from "../types.js"

interface StepRecord {
  masked: number[]
  token: number[]
  conf: number[]
  fixed: number[]
  u?: number[]
}
interface DecodeRecord {
  id: string
  model?: string
  /** Index into the document's prompts. */
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
  /** Not given where the case was computed without a cache. */
  calls_rows_kv_store?: number[][]
  n_denoise_forwards?: number
  blocks: { start: number; steps: StepRecord[] }[]
  weight_patch?: { tensor: string; row: number; scale: number }
  /** Of LLaDA: as its authors' program forgets finished blocks, or as the algorithm means it. */
  kv_mode?: "upstream" | "fixed_kv"
}
interface PromptRecord {
  input_ids: number[]
  image?: string | null
  images?: string[] | string | null
  image_mode?: string | null
  image_grid_thws?: [number, number, number][] | null
  P: number
}

/** The one of the authors' models whose confidences and single blocks are not those of the others (Q13, Q14). */
const QWEN_VL = "diffusionvl_qwenvl"

export const recogniseBlockDecoding: Recogniser = (document, folder) => {
  const { value } = document
  const records = recordsWith(value, "prompt", "block_size", "blocks", "returned_ids") as unknown[] as DecodeRecord[]
  if (records.length === 0 || !isObject(value)) return []
  const modelOf = (record: DecodeRecord): ShelfModel | undefined =>
    folder.models.named(record.model) ?? folder.models.named(value.model) ?? folder.models.named(value.note)
  const runnable = records.filter((record) => modelOf(record)?.supported ?? true)
  const skipped = records.length - runnable.length
  const prompts = new PromptShelf(document, folder)
  // Cases with changed weights together: the model is loaded once for each change.
  const ordered = [...runnable].sort((a, b) => patchKey(a).localeCompare(patchKey(b)))
  const check = (record: DecodeRecord, reference: boolean) => async (): Promise<void> => {
    const model = modelOf(record) ?? onlyCandidate(folder)
    const loaded = folder.models.load(model, patchOf(record))
    const events = await decode(loaded, await prompts.get(record, model), record, model, reference)
    if (reference) checkSteps(record, events)
    else checkAnswer(record, events)
  }
  return [
    {
      kind: "block decoding, every step of the reference",
      cases: ordered.map((record) => ({ id: record.id, run: check(record, true) })),
    },
    {
      kind: "block decoding, fast, same answer",
      cases: ordered.map((record) => ({ id: record.id, run: check(record, false) })),
    },
    ...(skipped > 0
      ? [
          {
            kind: `block decoding, ${modelOf(records.filter((record) => !runnable.includes(record))[0])?.modelType}`,
            skipped,
          },
        ]
      : []),
  ]
}

/** For a document that names no model: there must be one it can be about. */
function onlyCandidate(folder: FixtureFolder): ShelfModel {
  const trained = folder.models.ofType(QWEN_VL).filter(({ name }) => !name.endsWith("-converted"))
  if (trained.length !== 1)
    throw new Mismatch(`the document names no model, and ${trained.length} in the folder could be meant`)
  return trained[0]
}

const patchKey = ({ weight_patch: patch }: DecodeRecord): string => (patch ? JSON.stringify(patch) : "")

/** The name may be followed by a remark. */
function patchOf({ weight_patch: patch }: DecodeRecord): WeightPatch | undefined {
  return patch && { ...patch, tensor: patch.tensor.split(" ")[0] }
}

/** Prompts with their features, each made once. */
class PromptShelf {
  readonly #made = new Map<string, Prompt>()
  readonly #records: PromptRecord[]

  constructor(
    readonly document: JsonDocument,
    readonly folder: FixtureFolder,
  ) {
    this.#records = listAt(document.value, "prompts") as unknown[] as PromptRecord[]
  }

  async get({ prompt: index, P }: DecodeRecord, named: ShelfModel): Promise<Prompt> {
    const key = `${named.name} ${index}`
    const known = this.#made.get(key)
    if (known) return known
    const record = this.#records[index]
    if (!has(record, "input_ids")) throw new Mismatch(`the document has no prompt ${index}`)
    const prompt = await this.#make(record, this.folder.models.load(named), named)
    expectEqual(prompt.ids.length, P, "rows of the prompt")
    this.#made.set(key, prompt)
    return prompt
  }

  async #make(record: PromptRecord, model: Model, named: ShelfModel): Promise<Prompt> {
    const images = await this.#pictures(record, model, named)
    const features = noGrad(() => model.encodeImages(images))
    const ids = Int32Array.from(record.input_ids)
    const labels = ids.map(() => IGNORE)
    const layout = layOut(
      { ids, labels },
      features.map(({ shape }) => shape[0]),
    )
    return { ids: layout.ids, features }
  }

  async #pictures(record: PromptRecord, model: Model, named: ShelfModel): Promise<ImageInput[]> {
    const { document, folder } = this
    const names = namesOf(record.images ?? record.image)
    if (model.config.family !== "qwen2_5_vl") {
      const processor = imageProcessorOf(asShown(model.config, record.image_mode), named.folder)
      const options = { among: names.length }
      const prepared: ImageInput[] = []
      for (const name of names)
        prepared.push(await requireImages(processor).prepare(await folder.pictures.picture(name, document), options))
      return prepared
    }
    const pad = record.image_mode?.startsWith("pad") === true
    const images = await folder.pictures.prepared(names, document, limitsOf(model), pad)
    if (record.image_grid_thws)
      expectEqual(
        images.flatMap(({ grid }) => grid),
        record.image_grid_thws.flat(),
        "grids",
      )
    return images
  }
}

/** The model with another way to show a picture: "single" stretches it to a tile, "padded" puts it on a square first. */
function asShown(config: ModelConfig, mode: string | null | undefined): ModelConfig {
  const aspect = mode === "single" ? "square" : mode?.startsWith("pad") ? "pad" : undefined
  return aspect === undefined ? config : { ...config, raw: { ...config.raw, image_aspect_ratio: aspect } }
}

async function decode(
  model: Model,
  prompt: Prompt,
  record: DecodeRecord,
  { modelType }: ShelfModel,
  reference: boolean,
): Promise<DecodeEvent[]> {
  const isQwenVl = modelType === QWEN_VL
  const uniforms = record.blocks.flatMap(({ steps }) => steps.flatMap(({ u }) => u ?? [])).values()
  const options: BlockDecoderOptions = {
    maskToken: maskToken(model.config),
    eos: [endToken(model.config)],
    blockSize: record.block_size,
    steps: record.steps,
    genLength: record.gen_length,
    strategy: record.strategy,
    threshold: record.confidence_threshold ?? undefined,
    temperature: record.temperature,
    topK: record.top_k,
    topP: record.top_p,
    uniform: () => uniforms.next().value as number,
    confidenceFrom: isQwenVl ? "modified" : "unmodified",
    singleBlockSchedule: isQwenVl ? "blockSize" : "genLength",
    dropCache: record.kv_mode === "upstream",
    reference,
  }
  const events: DecodeEvent[] = []
  for await (const event of decodeBlocks(model, prompt, options)) events.push(event)
  return events
}

function checkSteps(record: DecodeRecord, events: readonly DecodeEvent[]): void {
  const golden = record.blocks.flatMap(({ start, steps }) => steps.map((step) => ({ start, ...step })))
  const steps = events.flatMap((event) => (event.type === "step" ? [event] : []))
  steps.slice(0, golden.length).forEach((step, i) => {
    const [expected, where] = [golden[i], `step ${i}`]
    expectEqual([step.start, ...step.positions], [expected.start, ...expected.masked], `${where}, start and masked`)
    expectEqual(step.ids, expected.token, `${where}, tokens`)
    expectEqual(
      step.fixed,
      [...expected.fixed].sort((a, b) => a - b),
      `${where}, fixed`,
    )
    step.confidences.forEach((confidence, row) => {
      expectNear(confidence, expected.conf[row], TOLERANCES.confidence, `${where}, confidence of row ${row}`)
    })
  })
  expectEqual(steps.length, golden.length, "number of steps")
  const calls = events.flatMap((event) =>
    "forward" in event && event.forward ? [{ ...event.forward, denoises: event.type === "step" }] : [],
  )
  const ours = calls.flatMap(({ tokens: rows, cached, denoises }) => [rows, cached, denoises ? 0 : 1])
  if (record.calls_rows_kv_store)
    expectEqual(ours, record.calls_rows_kv_store.flat(), "forwards as rows, cached, whether they store")
  const { ids, eosIndex } = doneOf(events)
  expectEqual(ids, record.returned_ids, "answer")
  expectEqual(eosIndex ?? null, record.first_eos_index, "first end of sequence")
}

function checkAnswer(record: DecodeRecord, events: readonly DecodeEvent[]): void {
  const { ids, eosIndex, stats } = doneOf(events)
  expectEqual(eosIndex ?? null, record.first_eos_index, "first end of sequence")
  const end = eosIndex === undefined ? record.gen_length : eosIndex + 1
  expectEqual(ids.subarray(0, end), record.returned_ids.slice(0, end), "answer up to the end of sequence")
  expectEqual(stats.tokens, eosIndex ?? record.gen_length, "tokens of the answer")
  const reference = record.calls_rows_kv_store?.length ?? (record.n_denoise_forwards ?? Infinity) + 1
  if (stats.forwards >= reference) throw new Mismatch(`${stats.forwards} forwards, the reference needs ${reference}`)
}

function doneOf(events: readonly DecodeEvent[]): Extract<DecodeEvent, { type: "done" }> {
  const done = events[events.length - 1]
  if (done?.type !== "done") throw new Mismatch("decoding did not end")
  return done
}
