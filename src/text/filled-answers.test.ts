/** Answers of a conversation end with their blocks, or have a multiple of some tokens. */

import { expect, it } from "vitest"
import { withFilledAnswers, withFilledBlocks } from "./filled-answers.js"
import { layOut } from "./layout.js"
import { IGNORE, IMAGE } from "./message.js"
import type { Encoded } from "./writer.js"

const EOS = 9
const ids = Int32Array.of(1, IMAGE, 2, 5, EOS, 3, 3, 6, 6, 6, EOS, 4, 7, EOS)
const isAnswer = [0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 1]
const labels = ids.map((id, i) => (isAnswer[i] ? id : IGNORE))
const answers = [
  { start: 3, end: 5 },
  { start: 7, end: 11 },
  { start: 12, end: 14 },
]
const encoded: Encoded = { ids, labels, answerStart: 3, answers }
const blocks = { size: 4, eos: EOS }

it("so that each question but the first begins a block, whatever pictures stand for", () => {
  for (const span of [1, 2, 5, Int32Array.of(8, IMAGE, IMAGE, 8)]) {
    const filled = withFilledBlocks(encoded, [span], blocks)
    const layout = layOut(filled, [span], { blocks })
    const starts = [...layout.labels.keys()].filter((i) => i > 0 && layout.labels[i] < 0 && layout.labels[i - 1] >= 0)
    expect(starts).toHaveLength(2)
    for (const start of starts) expect(start % blocks.size).toBe(0)
    expect(layout.labels.length % blocks.size).toBe(0)
    // Nothing else was changed: without the marks that fill, it is what it was.
    const rest = [...filled.ids].filter((id, i, all) => !(id === EOS && all[i - 1] === EOS))
    expect(rest).toEqual([...ids])
    for (const [i, label] of filled.labels.entries()) expect(label).toBe(label < 0 ? IGNORE : filled.ids[i])
    expect(filled.answerStart).toBe(3)
  }
})

it("and a conversation of one answer stays as it is", () => {
  const single = { ids: ids.slice(0, 5), labels: labels.slice(0, 5), answers: answers.slice(0, 1) }
  expect(withFilledBlocks(single, [3], blocks)).toEqual(single)
  expect(() => withFilledBlocks(single, [], blocks)).toThrow(/1 image placeholder, but there are 0 images/)
})

it("or each answer is filled to a multiple of some tokens", () => {
  const lengths = (size: number): number[] => {
    const { ids, labels } = withFilledAnswers(encoded, { size, eos: EOS })
    for (const [i, label] of labels.entries()) expect([IGNORE, ids[i]]).toContain(label)
    return [...labels]
      .map((label) => (label < 0 ? "." : "a"))
      .join("")
      .split(/\.+/)
      .filter((answer) => answer !== "")
      .map(({ length }) => length)
  }
  expect(lengths(1)).toEqual([2, 4, 2])
  expect(lengths(3)).toEqual([3, 6, 3])
  expect(lengths(4)).toEqual([4, 4, 4])
})

it("and only answers: what else the authors label in questions is left alone", () => {
  // As they write it: marks and line breaks are labelled everywhere.
  const all = { ...encoded, labels: labels.map((label, i) => ([0, 2, 6, 11].includes(i) ? ids[i] : label)) }
  const fillings = [
    (encoded: Encoded) => withFilledBlocks(encoded, [1], blocks),
    (encoded: Encoded) => withFilledAnswers(encoded, blocks),
  ]
  for (const fill of fillings) {
    const [filled, wanted] = [fill(all), fill(encoded)]
    expect(filled.ids).toEqual(wanted.ids)
    expect(filled.answers).toEqual(wanted.answers)
    expect(filled.labels.filter((label, i) => label !== wanted.labels[i])).toEqual(Int32Array.of(1, 2, 3, 4))
  }
})
