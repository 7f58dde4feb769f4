/** GSM8K (Cobbe et al. 2021): word problems of grade schools, reasoned in words. */

import { strip } from "../../task/python-text.js"
import type { Doc } from "../../task/task.js"
import { textOf } from "../parts/document.js"
import { exactMatchMetric, meanMetric } from "../parts/mean-metric.js"
import { textTask } from "./text-task.js"

/** What stands for an answer in which there is no number. */
const NONE = "[invalid]"

/** The number behind the first ####, as the examples write it. */
const strictNumber = (answer: string): string => /#### (-?[0-9.,]+)/.exec(answer)?.[1] ?? NONE

/** The last number of the answer. */
const flexibleNumber = (answer: string): string => strip(answer.match(/-?[$0-9.,]{2,}|-?[0-9]+/g)?.at(-1) ?? NONE)

/** Without what no two writers of a number agree on. */
const plain = (text: string): string =>
  text
    .replaceAll(",", "")
    .replaceAll("$", "")
    .replace(/[\s\S]*#### /, "")
    .replace(/\.(?=\n?$)/, "")
    .toLowerCase()

const isSame = (number: string, doc: Doc): number => Number(plain(number) === plain(textOf(doc, "answer")))

const question = (doc: Doc): string => `Question: ${textOf(doc, "question")}\nAnswer:`

const SOURCE = { dataset: "openai/gsm8k", config: "main" }

export const gsm8k = textTask({
  name: "gsm8k",
  title: "GSM8K",
  version: 3,
  source: { ...SOURCE, files: "main/test-", split: "test", count: 1319 },
  columns: ["question", "answer"],
  filter: "flexible-extract",
  generation: { until: ["Question:", "</s>", "<|im_end|>"], do_sample: false, temperature: 0, gen_length: 256 },
  whole: true,
  examples: {
    source: { ...SOURCE, files: "main/train-", split: "train" },
    count: 5,
    shown: (doc) => `${question(doc)} ${textOf(doc, "answer")}`,
  },
  question,
  target: (doc) => textOf(doc, "answer"),
  // Both rules read the whole answer: nothing is filtered before.
  count: (doc, { text }) => ({
    values: { exact_match: isSame(flexibleNumber(text), doc), exact_match_strict: isSame(strictNumber(text), doc) },
    unread: flexibleNumber(text) === NONE,
  }),
  metrics: [exactMatchMetric, meanMetric("exact_match_strict")],
})
