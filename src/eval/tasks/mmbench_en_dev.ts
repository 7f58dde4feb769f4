/** MMBench, English, dev split: every question with its options in several orders (docs/evaluation.md 7.6). */

import type { Compat, Doc, PartScore, Task } from "../task/task.js"
import { type CircularRow, circularHits, inferred, questionOf } from "./parts/circular-evaluation.js"
import { asked, pictureOf, plainOf, textOf, wholeNumberOf } from "./parts/document.js"
import { LETTER_INSTRUCTION } from "./parts/options.js"
import { shareOf, sharesBy } from "./parts/shares.js"

/** What is recorded of an answer; the columns are the dataset's. */
type MmbenchValue = Readonly<Record<string, unknown>> & { index: number; answer: string; prediction: string }

const OPTIONS = ["A", "B", "C", "D", "E"]
const RECORDED = ["hint", "source", "split", "category"]
/** What the benchmark's own TSV files call L2-category. */
const TSV_L2 = "l2-category"

const isMissing = (value: unknown): boolean => value === undefined || value === null || Number.isNaN(value)

function contextOf(doc: Doc): string {
  const offered = OPTIONS.filter((one) => !isMissing(doc[one]) && doc[one] !== "" && doc[one] !== "nan")
  const lines = ["There are several options:", ...offered.map((one) => `${one}. ${textOf(doc, one)}`)]
  const hint = isMissing(doc.hint) || doc.hint === "nan" ? "" : `${textOf(doc, "hint")} `
  const options = lines.join("\n").replace(/\n+$/, "")
  return `${hint}${textOf(doc, "question")} ${options}\n\n${LETTER_INSTRUCTION}`
}

type Row = CircularRow & { value: MmbenchValue }
const rows = new WeakMap<MmbenchValue, Row>()

/** The same row for the same value. */
function rowOf(value: MmbenchValue): Row {
  const row = rows.get(value) ?? madeRow(value)
  rows.set(value, row)
  return row
}

/** Options without a value are not read; those of columns that the file lacks were recorded as the text "nan", and are. */
function madeRow(value: MmbenchValue): Row {
  const letters = OPTIONS.slice(0, 4).filter((one) => !isMissing(value[one]))
  const options = Object.fromEntries(letters.map((one) => [one, String(value[one])]))
  return { index: Number(value.index), answer: value.answer, prediction: value.prediction, options, value }
}

const hitsOf = (values: readonly unknown[], compat: Compat) =>
  circularHits((values as MmbenchValue[]).map(rowOf), compat)

function partsBy(column: string, values: readonly unknown[], compat: Compat): PartScore[] {
  const hits = hitsOf(values, compat).filter(({ row }) => !isMissing(row.value[column]))
  const shares = sharesBy(
    hits,
    ({ row }) => String(row.value[column]),
    ({ isRight }) => isRight,
  )
  return shares.sort((a, b) => (a.name < b.name ? -1 : 1)).map((part) => ({ ...part, by: column }))
}

/** Accuracies as fractions, in the form of the authors' mmbench_en_dev_results.json. */
export function mmbenchAccuracies(values: readonly unknown[], compat: Compat) {
  const byName = (column: string) =>
    Object.fromEntries(partsBy(column, values, compat).map(({ name, score }) => [name, score]))
  return {
    overall_acc: shareOf(hitsOf(values, compat), ({ isRight }) => isRight),
    category_acc: byName("category"),
    l2_category_acc: byName("L2-category"),
  }
}

const percent = (share: number): number => share * 100

export const mmbenchEnDev: Task = {
  name: "mmbench_en_dev",
  title: "MMBench (en, dev)",
  version: "Yaml",
  source: { dataset: "lmms-lab/MMBench", files: "en/dev-", config: "en", split: "dev", count: 4329 },
  columns: ["index", "question", "answer", "A", "B", "category", "image"],
  generation: {
    until: ["ASSISTANT:"],
    max_new_tokens: 1024,
    temperature: 0,
    top_p: 1,
    num_beams: 1,
    do_sample: false,
  },
  ask: (doc) => asked(contextOf(doc), () => [pictureOf(doc, "image")]),
  target: (doc) => plainOf(doc, "answer"),
  count(doc, { text }) {
    const value: MmbenchValue = {
      index: wholeNumberOf(doc, "index"),
      question: plainOf(doc, "question"),
      answer: textOf(doc, "answer"),
      prediction: text,
      ...Object.fromEntries(RECORDED.map((column) => [column, plainOf(doc, column)])),
      "L2-category": doc["L2-category"] ?? plainOf(doc, TSV_L2),
      ...Object.fromEntries(OPTIONS.map((one) => [one, doc[one] === undefined ? "nan" : plainOf(doc, one)])),
    }
    const unread = inferred(rowOf(value)) === undefined
    return { values: { gpt_eval_score: value, submission: value }, unread }
  },
  metrics: [
    {
      name: "gpt_eval_score",
      higherIsBetter: true,
      scale: 1,
      aggregate(values, compat) {
        const share = shareOf(hitsOf(values, compat), ({ isRight }) => isRight)
        return share === null ? null : percent(share)
      },
      parts: (values, compat) =>
        ["category", "L2-category"]
          .flatMap((column) => partsBy(column, values, compat))
          .map((part) => ({ ...part, score: percent(part.score) })),
    },
    // A file, to lmms-eval: its key is in the results.
    { name: "submission", higherIsBetter: true, aggregate: () => null },
  ],
  submissions: ({ gpt_eval_score: values = [] }, compat) => ({
    "mmbench_en_dev_results.json": mmbenchAccuracies(values, compat),
    "mmbench_en_dev_results.xlsx": values,
  }),
  cluster: (doc) => String(questionOf(wholeNumberOf(doc, "index"))),
}
