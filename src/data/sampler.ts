/** In which order samples are trained on. Every order is a function of (seed, epoch): nothing to save for resuming. */

import { UserError } from "../errors.js"
import { permutation, type Random, randomFrom } from "./prng.js"

/** The samples of one epoch in random order. */
export function shuffledEpoch(count: number, seed: number, epoch: number): Int32Array {
  return permutation(count, randomFrom(seed, epoch))
}

/**
 * The modality-length order of the authors' trainer (docs/reference.md, "Training order and settings"): text-only and
 * image samples are permuted apart, cut into mega-batches of one optimizer step, each sorted longest first; the
 * mega-batches of both kinds are shuffled together and the two incomplete rests come last. So all samples of a step
 * share a modality.
 * @param lengths of the samples; negative for text-only ones
 * @param megaBatch samples of one optimizer step
 */
export function modalityLengthEpoch(
  lengths: ArrayLike<number>,
  megaBatch: number,
  seed: number,
  epoch: number,
): Int32Array {
  const random = randomFrom(seed, epoch)
  const withImage: number[] = []
  const textOnly: number[] = []
  for (let i = 0; i < lengths.length; i++) (lengths[i] < 0 ? textOnly : withImage).push(i)
  const chunks = [withImage, textOnly].map((kind) => megaBatches(kind, lengths, megaBatch, random))
  const rest = chunks.flatMap((list) =>
    list.length > 0 && list[list.length - 1].length < megaBatch ? list.pop()! : [],
  )
  const whole = chunks.flat()
  const order = [...permutation(whole.length, random)].flatMap((i) => whole[i])
  return Int32Array.from([...order, ...rest.sort((a, b) => a - b)])
}

function megaBatches(samples: readonly number[], lengths: ArrayLike<number>, size: number, random: Random): number[][] {
  const order = [...permutation(samples.length, random)].map((i) => samples[i])
  const batches: number[][] = []
  for (let i = 0; i < order.length; i += size) {
    batches.push(order.slice(i, i + size).sort((a, b) => Math.abs(lengths[b]) - Math.abs(lengths[a])))
  }
  return batches
}

/** Until this part of the training: the probability of each task of an image. */
export interface TaskMixturePhase {
  until: number
  tasks: Readonly<Record<string, number>>
}

/** Records of one image by what they ask for. */
export type ImageTasks = ReadonlyMap<string, readonly number[]>

export interface GroupDraw {
  /** Index of the image. */
  group: number
  /** Indices of the records drawn for it, at least one. */
  records: number[]
}

/**
 * A batch of images, each with some of its tasks: several questions share one pass through the vision tower.
 * Images come in shuffled epochs; which tasks and which record of a task is drawn anew for each.
 */
export function drawGroups(
  groups: readonly ImageTasks[],
  {
    batch,
    step,
    progress,
    seed,
    taskMixture,
    orderOf = (epoch) => shuffledEpoch(groups.length, seed, epoch),
  }: {
    batch: number
    step: number
    progress: number
    seed: number
    taskMixture: readonly TaskMixturePhase[]
    /** The images of an epoch in order; given by those that draw often, to make it once. */
    orderOf?: (epoch: number) => Int32Array
  },
): GroupDraw[] {
  const phase = taskMixture.find(({ until }) => progress < until) ?? taskMixture[taskMixture.length - 1]
  const random = randomFrom(seed, step, 1)
  let order: Int32Array | undefined
  let orderEpoch = -1
  return Array.from({ length: batch }, (_, i) => {
    const position = step * batch + i
    const epoch = Math.floor(position / groups.length)
    if (epoch !== orderEpoch) {
      order = orderOf(epoch)
      orderEpoch = epoch
    }
    const group = order![position % groups.length]
    const tasks = [...groups[group]].filter(([task]) => (phase.tasks[task] ?? 0) > 0)
    if (tasks.length === 0) {
      throw new UserError(`an image has no record with one of the tasks ${Object.keys(phase.tasks).join(", ")}`, {
        where: `the image of record ${[...groups[group].values()][0]?.[0]}`,
        fix: "add such a record, or give every phase of the task mixture a task that all images have",
      })
    }
    let drawn = tasks.filter(([task]) => random() < phase.tasks[task])
    if (drawn.length === 0) drawn = [tasks[Math.floor(random() * tasks.length)]]
    return { group, records: drawn.map(([, records]) => records[Math.floor(random() * records.length)]) }
  })
}
