/** A training sample as people can read it: its tokens as text, with those that are learned marked. */
import type { CheckedSample } from "../../data/check.js"
import { IGNORE, IMAGE } from "../../text/conversation.js"
import type { Tokenizer } from "../../text/tokenizer/tokenizer.js"

interface Run {
  ids: number[]
  learned: boolean
}

/** Neighbours that are both learned, or both not. */
function runsOf({ ids, labels }: CheckedSample): Run[] {
  const runs: Run[] = []
  for (const [i, id] of ids.entries()) {
    const learned = labels[i] !== IGNORE
    const last = runs.at(-1)
    if (last?.learned === learned) last.ids.push(id)
    else runs.push({ ids: [id], learned })
  }
  return runs
}

/** Special tokens as they are written; an image by the mark that stands for it in the data. */
function textOf(ids: readonly number[], tokenizer: Tokenizer): string {
  let text = ""
  let words: number[] = []
  const flush = (): void => {
    text += tokenizer.decode(words, { skipSpecial: false, inside: true })
    words = []
  }
  for (const id of ids) {
    if (id !== IMAGE) words.push(id)
    else {
      flush()
      text += "<image>"
    }
  }
  flush()
  return text
}

/** Learned text between ⟦ and ⟧. */
export function sampleText(sample: CheckedSample, tokenizer: Tokenizer): string {
  const runs = runsOf(sample)
  const learned = runs.reduce((n, run) => n + (run.learned ? run.ids.length : 0), 0)
  const text = runs.map(({ ids, learned }) => {
    const words = printable(textOf(ids, tokenizer))
    return learned ? `⟦${words}⟧` : words
  })
  return `record ${sample.index}: ${learned} of ${sample.ids.length} tokens are learned\n${text.join("")}\n`
}

/** Control characters of a data file do nothing to the terminal. */
const printable = (text: string): string =>
  text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`)

export function sampleJson(sample: CheckedSample, tokenizer: Tokenizer): string {
  const { index, ids, labels } = sample
  const text = runsOf(sample).map((run) => ({ text: textOf(run.ids, tokenizer), learned: run.learned }))
  return JSON.stringify({ type: "sample", index, ids: [...ids], labels: [...labels], text })
}
