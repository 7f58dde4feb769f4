/** Golden cases of training: loss, cross entropies and gradients of block-diffusion steps. */

import { endToken, maskToken } from "../../../src/checkpoint/config.js"
import type { Model } from "../../../src/models/registry.js"
import { meanLoss, type TrainingSample } from "../../../src/paradigms/batch.js"
import { blockDiffusionObjective } from "../../../src/paradigms/block-diffusion/objective.js"
import { layOut } from "../../../src/text/layout.js"
import { backward, type Tensor, tidy } from "../../../src/torch/index.js"
import { expectEntriesNear, expectEqual, expectNear, Mismatch } from "../check.js"
import type { FixtureFolder, JsonDocument } from "../folder.js"
import { limitsOf } from "../image-pads.js"
import { has, type Json, namesOf, recordsWith } from "../json.js"
import type { ShelfModel } from "../models.js"
import { TOLERANCES } from "../tolerances.js"
import type { FixtureCase, FixtureGroup, Recogniser } from "../types.js"

interface TrainingRecord {
  key: string
  model: string
  objective: string
  /** Indices into the document's samples. */
  samples: number[]
  image_mode?: string
  image_grid_thws?: [number, number, number][]
  D: number
  L: number
  n_masked: number
  loss: number
  grad_l2: Record<string, number>
  grad_first16: Record<string, number[]>
  embed_row_grads?: Record<string, { l2: number; first16: number[] }>
}

const EMBEDDING = "model.embed_tokens.weight"

export const recogniseTraining: Recogniser = (document, folder) => {
  const records = recordsWith(document.value, "key", "objective", "loss", "grad_l2") as unknown[] as TrainingRecord[]
  const cases: FixtureCase[] = []
  const skipped: FixtureGroup[] = []
  for (const record of records) {
    const model = folder.models.named(record.model)
    if (record.objective !== "block-diffusion" || (model && !model.supported))
      skipped.push({ kind: `training, ${record.objective}, ${record.model}`, skipped: 1 })
    else cases.push({ id: record.key, run: () => checkRecord(record, model, document, folder) })
  }
  return records.length === 0 ? [] : [{ kind: "training, block diffusion, DiffusionVL", cases }, ...skipped]
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
  const images = await folder.pictures.prepared(imageNames.flat(), document, limitsOf(model), pad)
  // A text-only sample is recorded with the grid of the reference's dummy image.
  if (record.image_grid_thws && imageNames.every((names) => names.length > 0))
    expectEqual(
      images.flatMap(({ grid }) => grid),
      record.image_grid_thws.flat(),
      "grids",
    )
  tidy(() => {
    const features = model.encodeImages(images)
    const samples = samplesOf(record, imageNames, features, stored, model)
    const uniforms = [...stored("u").toNumbers(), ...stored("r").toNumbers()].values()
    const objective = blockDiffusionObjective(
      model,
      { samples, images: [] },
      { blockSize: record.D, maskToken: maskToken(model.config) },
      () => uniforms.next().value as number,
      features,
    )
    const loss = meanLoss(objective)
    const { tokenCrossEntropy, metrics } = objective
    expectEqual(uniforms.next().done, true, "all uniforms are drawn")
    expectEqual(metrics.maskedTokens, record.n_masked, "masked tokens")
    expectNear(loss.item(), record.loss, TOLERANCES.loss * Math.abs(record.loss), "loss")
    const [ours, expected] = [tokenCrossEntropy.toNumbers(), stored("token_ce").toNumbers()]
    expectEqual(ours.length, expected.length, "number of cross entropies")
    for (const [i, value] of ours.entries())
      expectNear(value, expected[i], TOLERANCES.tokenCrossEntropy, `cross entropy of token ${i}`)
    checkGradients(record, gradientsOf(model, loss))
  })
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
    const blocks = { size: record.D, eos: endToken(model.config) }
    const layout = layOut(
      { ids: take(ids), labels: take(labels) },
      own.map((i) => features[i].shape[0]),
      { blocks },
    )
    const spliced = stored("spliced_labels").select(0, b).toNumbers()
    const real = stored("spliced_attention_mask")
      .select(0, b)
      .toNumbers()
      .reduce((n, flag) => n + flag, 0)
    expectEqual(layout.labels, spliced.slice(0, real), `labels of sample ${b}`)
    return { ...layout, imageIndices: own, where: record.key }
  })
}

/** Gradients of a loss by the names of the parameters. */
export function gradientsOf(model: Model, loss: Tensor): (name: string) => Tensor {
  const parameters = model.parameters()
  for (const parameter of parameters.values()) parameter.grad = null
  backward(loss)
  return (name) => {
    const parameter = parameters.get(name)
    if (!parameter) throw new Mismatch(`the model has no parameter ${name}`)
    // Nothing reached it: the gradient is 0.
    return parameter.grad ?? parameter.detach().mul(0)
  }
}

/** The L2 norm of a gradient. */
export function checkNorm(gradient: Tensor, expected: number, what: string): void {
  const norm = Math.sqrt(gradient.mul(gradient).sum().item())
  expectNear(norm, expected, TOLERANCES.gradientNorm * expected, `norm of the gradient of ${what}`)
}

function checkGradients(record: TrainingRecord, gradientOf: (name: string) => Tensor): void {
  const checkFirst = (gradient: Tensor, expected: number[], what: string): void => {
    const first = gradient.reshape(-1).narrow(0, 0, expected.length).toNumbers()
    expectEntriesNear(first, expected, TOLERANCES.gradientEntries, `gradient of ${what}`)
  }
  for (const [name, l2] of Object.entries(record.grad_l2)) checkNorm(gradientOf(name), l2, name)
  for (const [name, first] of Object.entries(record.grad_first16)) checkFirst(gradientOf(name), first, name)
  for (const [row, { l2, first16 }] of Object.entries(record.embed_row_grads ?? {})) {
    const gradient = gradientOf(EMBEDDING).select(0, Number(row))
    checkNorm(gradient, l2, `embedding row ${row}`)
    checkFirst(gradient, first16, `embedding row ${row}`)
  }
}
