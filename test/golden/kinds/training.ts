/** Golden cases of training: loss, cross entropies and gradients of steps of block diffusion and of full diffusion. */

import { endToken, maskToken } from "../../../src/checkpoint/config.js"
import { fillName, isJoin, isSplit, ruleOfStored } from "../../../src/checkpoint/layout.js"
import type { QwenImage } from "../../../src/image/processors/qwen.js"
import type { Model } from "../../../src/models/registry.js"
import { architectureOf } from "../../../src/models/registry.js"
import { autoregressiveObjective } from "../../../src/paradigms/autoregressive/objective.js"
import { meanLoss, type Objective, type TrainingSample } from "../../../src/paradigms/batch.js"
import { blockDiffusionObjective } from "../../../src/paradigms/block-diffusion/objective.js"
import { fullDiffusionObjective } from "../../../src/paradigms/full-diffusion/objective.js"
import { LLADA_TURNS } from "../../../src/paradigms/full-diffusion/turns.js"
import { IGNORE } from "../../../src/text/conversation.js"
import { layOut } from "../../../src/text/layout.js"
import { backward, type Tensor, tidy } from "../../../src/torch/index.js"
import { expectEntriesNear, expectEqual, expectNear, Mismatch } from "../check.js"
import type { FixtureFolder, JsonDocument } from "../folder.js"
import { limitsOf } from "../image-pads.js"
import { has, type Json, namesOf, recordsWith } from "../json.js"
import { trainingPictures } from "../model-pictures.js"
import type { ShelfModel } from "../models.js"
import { TOLERANCES } from "../tolerances.js"
import type { FixtureGroup, Recogniser } from "../types.js"

interface TrainingRecord {
  key: string
  model: string
  objective: string
  /** Indices into the document's samples. */
  samples: number[]
  image_mode?: string | null
  /** Format of the conversations. */
  template?: string
  image_grid_thws?: [number, number, number][]
  /** Of block diffusion. */
  D?: number
  L?: number
  /** Of full diffusion: the probability of a mask, by sample. */
  p?: number[]
  n_masked?: number
  loss: number
  grad_l2: Record<string, number>
  grad_first16: Record<string, number[]>
  embed_row_grads?: Record<string, { l2: number; first16: number[] }>
}

const EMBEDDING = "model.embed_tokens.weight"

/** As documents call them. */
const OBJECTIVES = ["block-diffusion", "full diffusion", "autoregressive"]
/** Qwen2.5-VL's models are the ones that have limits for pixels, which the record tells the effect of. */
const QWEN_VL = "qwen2_5_vl"

export const recogniseTraining: Recogniser = (document, folder) => {
  const records = recordsWith(document.value, "key", "objective", "loss", "grad_l2") as unknown[] as TrainingRecord[]
  return records.map((record): FixtureGroup => {
    const model = modelOf(record, document, folder)
    if (!OBJECTIVES.includes(record.objective) || (model && !model.supported))
      return { kind: `training, ${record.objective}, ${record.model}`, skipped: 1 }
    const family = model?.modelType === "diffusionvl_qwenvl" ? "DiffusionVL" : model?.modelType
    const kind = `training, ${record.objective.replace("-", " ")}, ${family}`
    return { kind, cases: [{ id: record.key, run: () => checkRecord(record, model, document, folder) }] }
  })
}

/** A text needs no tower: of a model that was put together from parts, the language model is enough. */
function modelOf(record: TrainingRecord, document: JsonDocument, { models }: FixtureFolder): ShelfModel | undefined {
  const assembled = models.assembled(record.model, changesOf(record))
  if (assembled) return assembled
  const named = models.named(record.model)
  if (!named || named.supported) return named
  const isText = namesOfImages(record, document).every((names) => names.length === 0)
  return (isText ? models.onlySupported(record.model) : undefined) ?? named
}

/** What training it as the record says makes of the model's configuration: the settings of the authors' two stages. */
function changesOf({ model, template }: TrainingRecord): Json {
  if (!model.includes("+")) return {}
  return template === "llada_plain"
    ? { mm_patch_merge_type: "flat", image_aspect_ratio: "square" }
    : {
        mm_patch_merge_type: "spatial_unpad",
        image_aspect_ratio: "anyres_max_4",
        image_grid_pinpoints: "(1x1),...,(6x6)",
      }
}

async function checkRecord(
  record: TrainingRecord,
  named: ShelfModel | undefined,
  document: JsonDocument,
  folder: FixtureFolder,
): Promise<void> {
  if (!named) throw new Mismatch(`the folder has no model ${record.model}`)
  const model = folder.models.load(named)
  const stored = (name: string): Tensor => folder.tensor(`${record.key}.${name}`, document)
  const imageNames = namesOfImages(record, document)
  const pad = !record.image_mode?.startsWith("native")
  const images =
    model.config.family === QWEN_VL
      ? await folder.pictures.prepared(imageNames.flat(), document, limitsOf(model), pad)
      : await trainingPictures(imageNames, model, named, document, folder)
  // A text-only sample is recorded with the grid of the reference's dummy image.
  if (record.image_grid_thws && imageNames.every((names) => names.length > 0))
    expectEqual(
      images.flatMap((image) => (image as QwenImage).grid),
      record.image_grid_thws.flat(),
      "grids",
    )
  tidy(() => {
    const features = model.encodeImages(images)
    const samples = samplesOf(record, imageNames, features, stored, model)
    const uniforms = uniformsOf(record, stored).values()
    const uniform = (): number => uniforms.next().value as number
    const objective = objectiveOf(record, model, samples, uniform, features)
    const loss = meanLoss(objective)
    const { tokenCrossEntropy, metrics } = objective
    expectEqual(uniforms.next().done, true, "all uniforms are drawn")
    if (record.n_masked !== undefined) expectEqual(metrics.maskedTokens, record.n_masked, "masked tokens")
    expectNear(loss.item(), record.loss, TOLERANCES.loss * Math.abs(record.loss), "loss")
    if (record.D) {
      const [ours, expected] = [tokenCrossEntropy.toNumbers(), stored("token_ce").toNumbers()]
      expectEqual(ours.length, expected.length, "number of cross entropies")
      for (const [i, value] of ours.entries())
        expectNear(value, expected[i], TOLERANCES.tokenCrossEntropy, `cross entropy of token ${i}`)
    }
    checkGradients(record, gradientsOf(model, loss))
  })
}

const isAutoregressive = ({ objective }: TrainingRecord): boolean => objective === "autoregressive"

/** The two random draws of a step of diffusion, one after the other. */
function uniformsOf(record: TrainingRecord, stored: (name: string) => Tensor): number[] {
  if (isAutoregressive(record)) return []
  return [...stored(record.D ? "u" : "t").toNumbers(), ...stored("r").toNumbers()]
}

function objectiveOf(
  record: TrainingRecord,
  model: Model,
  samples: TrainingSample[],
  uniform: () => number,
  features: readonly Tensor[],
): Objective {
  const batch = { samples, images: [] }
  if (isAutoregressive(record)) return autoregressiveObjective(model, batch, {}, features)
  const mask = maskToken(model.config)
  if (record.D)
    return blockDiffusionObjective(model, batch, { blockSize: record.D, maskToken: mask }, uniform, features)
  const options = { maskToken: mask, turns: LLADA_TURNS }
  return fullDiffusionObjective(model, batch, options, uniform, features)
}

/** Names of the images of each sample. */
function namesOfImages({ samples }: TrainingRecord, { value }: JsonDocument): string[][] {
  const all = has(value, "samples") ? (value.samples as Json[]) : []
  return samples.map((index) => {
    if (!all[index]) throw new Mismatch(`the document has no sample ${index}`)
    return namesOf(all[index].image)
  })
}

/** The stored ids before images are expanded, laid out by us and compared with the reference's expansion. */
function samplesOf(
  record: TrainingRecord,
  imageNames: readonly string[][],
  features: readonly Tensor[],
  stored: (name: string) => Tensor,
  model: Model,
): TrainingSample[] {
  const [ids, labels, attention] = ["input_ids", "labels", "attention_mask"].map((name) => stored(name))
  let image = 0
  return imageNames.map((names, b) => {
    const rows = attention
      .select(0, b)
      .toNumbers()
      .reduce((n, flag) => n + flag, 0)
    const take = (from: Tensor): Int32Array => Int32Array.from(from.select(0, b).toNumbers().slice(0, rows))
    const own = names.map(() => image++)
    const blocks = record.D ? { size: record.D, eos: endToken(model.config) } : undefined
    const layout = layOut(
      { ids: take(ids), labels: take(labels) },
      own.map((i) => features[i].shape[0]),
      { blocks },
    )
    if (!isAutoregressive(record)) {
      const spliced = stored("spliced_labels").select(0, b).toNumbers()
      const padding = Array(Math.max(0, spliced.length - layout.labels.length)).fill(IGNORE)
      expectEqual([...layout.labels, ...padding], spliced, `labels of sample ${b}`)
    }
    return { ...layout, images: layout.images.map((run) => ({ ...run, image: own[run.image] })), where: record.key }
  })
}

/** Gradients of a loss by the names of the parameters. */
export function gradientsOf(model: Model, loss: Tensor): (name: string) => Tensor {
  const parameters = model.parameters()
  for (const parameter of parameters.values()) parameter.grad = null
  backward(loss)
  return (name) => {
    const parameter = parameters.get(name) ?? parameters.get(canonicalName(name, model))
    if (!parameter) throw new Mismatch(`the model has no parameter ${name}`)
    // Nothing reached it: the gradient is 0.
    return parameter.grad ?? parameter.detach().mul(0)
  }
}

/** A name as programs of the family have it in memory. */
function canonicalName(name: string, { config }: Model): string {
  for (const layout of architectureOf(config).layouts(config)) {
    const found = ruleOfStored(layout, name, "")
    if (found && !isSplit(found.rule) && !isJoin(found.rule)) return fillName(found.rule.canonical, found.values)
  }
  return name
}

/**
 * The L2 norms of the gradients of parameters. What is nothing but rounding, as of the biases of keys, is small beside the
 * largest.
 */
export function checkNorms(expected: Record<string, number>, gradientOf: (name: string) => Tensor): void {
  const rounding = TOLERANCES.gradientRounding * Math.max(...Object.values(expected))
  for (const [name, norm] of Object.entries(expected)) checkNorm(gradientOf(name), norm, name, rounding)
}

function checkNorm(gradient: Tensor, expected: number, what: string, rounding = 0): void {
  const norm = Math.sqrt(gradient.mul(gradient).sum().item())
  expectNear(norm, expected, TOLERANCES.gradientNorm * expected + rounding, `norm of the gradient of ${what}`)
}

function checkGradients(record: TrainingRecord, gradientOf: (name: string) => Tensor): void {
  const checkFirst = (gradient: Tensor, expected: number[], what: string): void => {
    const first = gradient.reshape(-1).narrow(0, 0, expected.length).toNumbers()
    expectEntriesNear(first, expected, TOLERANCES.gradientEntries, `gradient of ${what}`)
  }
  checkNorms(record.grad_l2, gradientOf)
  for (const [name, first] of Object.entries(record.grad_first16)) checkFirst(gradientOf(name), first, name)
  for (const [row, { l2, first16 }] of Object.entries(record.embed_row_grads ?? {})) {
    const gradient = gradientOf(EMBEDDING).select(0, Number(row))
    checkNorm(gradient, l2, `embedding row ${row}`)
    checkFirst(gradient, first16, `embedding row ${row}`)
  }
}
