/** MMMU-Pro with the question inside the picture: only the bare letter is right (docs/evaluation.md 7.2). */

import type { Task } from "../task/task.js"
import { asked, pictureOf, plainOf } from "./parts/document.js"
import { isLetter } from "./parts/letters.js"
import { MMMU_PRO_INSTRUCTION, mmmuProAccuracy, mmmuProValue } from "./parts/mmmu-pro.js"

export const mmmuProVision: Task = {
  name: "mmmu_pro_vision",
  title: "MMMU-Pro (vision)",
  version: 0,
  source: { dataset: "MMMU/MMMU_Pro", files: "vision/test-", config: "vision", split: "test", count: 1730 },
  columns: ["id", "image", "answer", "subject"],
  generation: { max_new_tokens: 256 },
  ask: (doc) => asked(MMMU_PRO_INSTRUCTION, () => [pictureOf(doc, "image")]),
  target: (doc) => plainOf(doc, "answer"),
  count: (doc, { text }) => ({ values: { mmmu_acc: mmmuProValue(doc, text) }, unread: !isLetter(text) }),
  metrics: [mmmuProAccuracy],
}
