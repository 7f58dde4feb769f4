/** DetailCaps-4870: detailed descriptions, by BERTScore (docs/evaluation.md 7.11). */

import { bertScore, ROBERTA_LARGE_BASELINE, rescaled } from "../bertscore.js"
import { mean } from "../task/standard-error.js"
import type { Doc, Task, TaskMetric } from "../task/task.js"
import { asked, pictureOf, plainOf, textOf } from "./parts/document.js"

interface CaptionValue {
  answer: readonly string[]
  pred: string
  image_id: unknown
}

const REFERENCES = ["GT_Caption_GPT4O", "GT_Caption_GPT4V", "GT_Caption_Gemini15Pro"]

const referencesOf = (doc: Doc): string[] => REFERENCES.map((column) => textOf(doc, column))

/** Of a picture, from the F of each reference before rescaling: the best one's. */
export const bestRescaledF = (raw: readonly number[]): number =>
  Math.max(...raw.map((f1) => rescaled({ precision: f1, recall: f1, f1 }, ROBERTA_LARGE_BASELINE).f1))

const bertScoreMetric: TaskMetric = {
  name: "detailcaps_BERTScore",
  title: "BERTScore",
  higherIsBetter: true,
  scale: 1,
  number: Number,
  require: ({ encoder }) => encoder(),
  async prepare(values, { encoder: load, signal }) {
    if (values.length === 0) return []
    const encoder = await load()
    const captions = values as CaptionValue[]
    // The best layer of roberta-large is its 17th.
    const { f1 } = await bertScore(
      captions.map(({ pred }) => pred),
      captions.map(({ answer }) => answer),
      { encoder, baseline: ROBERTA_LARGE_BASELINE, signal },
    )
    return f1
  },
  aggregate: (values) => mean(values.map(Number)),
}

const NEEDS_JAVA = "it needs COCO's Java programs, which are not part of this: BERTScore is the paper's metric"
const NEEDS_MODELS =
  "it needs a parser of scene graphs and WordNet, which are not part of this: BERTScore is the paper's metric"

const missing = (name: string): TaskMetric => ({
  name: `detailcaps_${name}`,
  higherIsBetter: true,
  unavailable: name === "CAPTURE" ? NEEDS_MODELS : NEEDS_JAVA,
  aggregate: () => null,
})

const METRICS = [
  ...["CAPTURE", "Bleu_4", "Bleu_3", "Bleu_2", "Bleu_1", "METEOR", "ROUGE_L", "CIDEr"].map(missing),
  bertScoreMetric,
]

export const detailcaps: Task = {
  name: "detailcaps",
  title: "DetailCaps-4870",
  version: "Yaml",
  source: {
    dataset: "foundation-multimodal-models/DetailCaps-4870",
    files: "DetailCaps-4870.parquet",
    split: "test",
    count: 4870,
  },
  columns: ["binary", "image", ...REFERENCES],
  generation: { max_new_tokens: 512, temperature: 0, top_p: 0, num_beams: 1, do_sample: false },
  ask: (doc) => asked("Describe this image in detail.", () => [pictureOf(doc, "binary", false)]),
  target: referencesOf,
  count(doc, { text }) {
    const value: CaptionValue = { answer: referencesOf(doc), pred: text, image_id: plainOf(doc, "image") }
    return { values: Object.fromEntries(METRICS.map(({ name }) => [name, value])), unread: text === "" }
  },
  metrics: METRICS,
  submissions: ({ detailcaps_BERTScore: values = [] }) => ({
    "detailcaps_val_BERTScore_scores.json": (values as CaptionValue[]).map(({ image_id, pred }) => ({
      image_id,
      caption: pred,
    })),
  }),
}
