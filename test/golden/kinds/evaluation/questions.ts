/** Golden cases of what is asked: prompts, options, columns of pictures, targets. */

import { pythonList } from "../../../../src/eval/task/python-literal.js"
import { qwenPrompt } from "../../../../src/eval/task/wrapper-prompt.js"
import { subjectOfId } from "../../../../src/eval/tasks/mmmu_val.js"
import { imageColumns } from "../../../../src/eval/tasks/parts/options-text.js"
import { docIn, numberIn, type Stage, taskOf, textIn } from "./stage.js"

export const QUESTION_STAGES: Readonly<Record<string, Stage>> = {
  prompt: (record) => taskOf(record).ask(docIn(record)).context,
  target: (record) => taskOf(record).target(docIn(record)),
  image_fields: (record) => imageColumns(taskOf(record).ask(docIn(record)).context),
  parse_options_literal: (record) => pythonList(textIn(record, "options_source")),
  subject_from_id: (record) => subjectOfId(textIn(record, "doc_id")),
  qwen_prompt: (record) => qwenPrompt(textIn(record, "context"), numberIn(record, "num_images")),
}
