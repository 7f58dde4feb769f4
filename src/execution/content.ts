/** What the keys and values of a sequence's tokens depend on, token by token: sequences that begin alike share them. */

import type { Prompt } from "../paradigms/prompt.js"
import { noGrad, tidy } from "../torch/index.js"
import { nameOfContent } from "./content-name.js"

/** The tokens [start, end) of a sequence. */
export interface Content {
  start: number
  end: number
  /** Numbers of each token: its id, −1 in pictures; and its positions, where the prompt has them on three axes. */
  numbers: Int32Array
  width: 1 | 4
  /** What stands on the rows of pictures, by the row where each begins. */
  pictures: ReadonlyMap<number, string>
}

/**
 * All of a prompt, and of what follows it.
 * @param features names of what stands on the image rows, in order: the same name, the same features
 */
export function contentOf(prompt: Prompt, features: readonly string[], following: ArrayLike<number> = []): Content {
  const { ids, positions } = prompt
  const end = ids.length + following.length
  const width = positions ? 4 : 1
  const numbers = new Int32Array(end * width)
  for (let row = 0; row < end; row++) {
    const id = row < ids.length ? ids[row] : following[row - ids.length]
    numbers[row * width] = Math.max(-1, id)
    positions?.axes.forEach((axis, i) => {
      numbers[row * width + 1 + i] = row < axis.length ? axis[row] : row + positions.delta
    })
  }
  return { start: 0, end, numbers, width, pictures: pictureStarts(prompt, features) }
}

/** Names of a prompt's features: the same name, the same features. */
export const featureNamesOf = ({ featureNames, features = [] }: Prompt): readonly string[] =>
  featureNames ?? features.map((each) => noGrad(() => tidy(() => nameOfContent(each.toArray()))))

/** Features lie on the image rows one picture after the other, whatever stands between. */
function pictureStarts({ ids, features = [] }: Prompt, names: readonly string[]): Map<number, string> {
  const starts = new Map<number, string>()
  let picture = 0
  let left = 0
  for (let row = 0; row < ids.length && picture < features.length; row++) {
    if (ids[row] >= 0) continue
    if (left === 0) {
      starts.set(row, names[picture])
      left = features[picture].shape[0]
    }
    left--
    if (left === 0) picture++
  }
  return starts
}

/** Tokens [start, end) of a content that holds them. */
export function partOfContent(content: Content, start: number, end: number): Content {
  const { width, numbers, pictures } = content
  return {
    start,
    end,
    width,
    numbers: numbers.slice((start - content.start) * width, (end - content.start) * width),
    pictures: new Map([...pictures].filter(([row]) => row >= start && row < end)),
  }
}

/** Tokens from `start` on, which both hold, that are the same in both. */
export function tokensInCommon(a: Content, b: Content, start: number): number {
  if (a.width !== b.width) return 0
  const end = Math.min(a.end, b.end)
  const { width } = a
  let row = start
  for (; row < end; row++) {
    const [i, j] = [(row - a.start) * width, (row - b.start) * width]
    let same = a.pictures.get(row) === b.pictures.get(row)
    for (let k = 0; same && k < width; k++) same = a.numbers[i + k] === b.numbers[j + k]
    if (!same) break
  }
  return row - start
}

/** The tokens [start, end) as text, for look-ups: equal for those that are the same, and only for them. */
export function textOfContent(content: Content, start: number, end: number): string {
  const { width, numbers, pictures } = content
  const names: string[] = []
  for (let row = start; row < end; row++) if (pictures.has(row)) names.push(`${row}=${pictures.get(row)}`)
  return `${numbers.subarray((start - content.start) * width, (end - content.start) * width).join()} ${names.join()}`
}
