/** MMMU-Pro, up to ten options (docs/evaluation.md 7.2). */

import type { Task } from "../task/task.js"
import { asked, plainOf } from "./parts/document.js"
import { MMMU_PRO_INSTRUCTION, mmmuProAccuracy, mmmuProValue } from "./parts/mmmu-pro.js"
import { choicePrompt, chosen, namedPictures } from "./parts/options-text.js"

export const mmmuProStandard: Task = {
  name: "mmmu_pro_standard",
  title: "MMMU-Pro (standard)",
  version: 0,
  source: {
    dataset: "MMMU/MMMU_Pro",
    files: "standard (10 options)/test-",
    config: "standard (10 options)",
    split: "test",
    count: 1730,
  },
  columns: ["id", "question", "options", "answer", "subject"],
  generation: { max_new_tokens: 256 },
  ask(doc) {
    const context = choicePrompt(doc, MMMU_PRO_INSTRUCTION)
    return asked(context, () => namedPictures(doc, context))
  },
  target: (doc) => plainOf(doc, "answer"),
  count(doc, { text }, compat) {
    const { letter, isRead } = chosen(text, doc, compat)
    return { values: { mmmu_acc: mmmuProValue(doc, letter) }, unread: !isRead }
  },
  metrics: [mmmuProAccuracy],
}
