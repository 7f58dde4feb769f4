/** IFEval (Zhou et al. 2023): instructions whose following is a matter of rules. */

import { UserError } from "../../../errors.js"
import { label } from "../../../readable.js"
import { strip } from "../../task/python-text.js"
import { mean } from "../../task/standard-error.js"
import type { Doc, TaskMetric } from "../../task/task.js"
import { listOf, textOf } from "../parts/document.js"
import { meanMetric } from "../parts/mean-metric.js"
import { type Given, RULES, UNCHECKED } from "./ifeval-rules.js"
import { textTask } from "./text-task.js"

interface Instruction {
  id: string
  given: Given
}

/** Those that are checked. */
function instructionsOf(doc: Doc): Instruction[] {
  const given = listOf(doc, "kwargs")
  return listOf(doc, "instruction_id_list").flatMap((name, i): Instruction[] => {
    const id = String(name)
    if (UNCHECKED.includes(id)) return []
    if (!Object.hasOwn(RULES, id))
      throw new UserError(`there is no instruction ${label(id)}`, {
        where: "instruction_id_list",
        fix: `there are ${Object.keys(RULES).join(", ")}`,
      })
    return [{ id, given: (given[i] ?? {}) as Given }]
  })
}

/** What a reader would still call the answer: without its first line, its last line, both, and asterisks. */
function variants(answer: string): string[] {
  const lines = answer.split("\n")
  const cuts = [lines.slice(1), lines.slice(0, -1), lines.slice(1, -1)].map((some) => strip(some.join("\n")))
  return [answer, ...cuts].flatMap((text) => [text, text.replaceAll("*", "")])
}

/** Of each instruction that is checked, whether any of the texts follows it. */
function followed(doc: Doc, texts: readonly string[]): boolean[] {
  const prompt = textOf(doc, "prompt")
  const said = texts.filter((text) => strip(text) !== "")
  return instructionsOf(doc).map(({ id, given }) => said.some((text) => RULES[id](text, given, prompt)))
}

const LEFT_OUT = `have an instruction that is not checked (${UNCHECKED.join(", ")}): it counts nowhere, and they in no score by prompts`

const byInstruction = (name: string): TaskMetric => ({
  name,
  higherIsBetter: true,
  aggregate: (values) => mean((values as readonly (readonly boolean[])[]).flat().map(Number)),
})

/** Named apart from IFEval: three of its instructions are not checked, and languages are not guessed. */
export const ifeval = textTask({
  name: "ifeval_rules",
  title: "IFEval, instructions that are rules",
  version: 4,
  source: { dataset: "google/IFEval", files: "", split: "train", count: 541 },
  columns: ["prompt", "instruction_id_list", "kwargs"],
  generation: { until: [], do_sample: false, temperature: 0, gen_length: 1280 },
  whole: true,
  question: (doc) => textOf(doc, "prompt"),
  target: (doc) => instructionsOf(doc).map(({ id }) => id),
  count(doc, { text }) {
    const unchecked = listOf(doc, "instruction_id_list").some((id) => UNCHECKED.includes(String(id)))
    const [strict, loose] = [followed(doc, [text]), followed(doc, variants(text))]
    const instructions = { inst_level_strict_acc: strict, inst_level_loose_acc: loose }
    if (unchecked) return { values: instructions, unchecked: LEFT_OUT }
    const [prompt_level_strict_acc, prompt_level_loose_acc] = [strict, loose].map((each) => each.every(Boolean))
    return { values: { prompt_level_strict_acc, prompt_level_loose_acc, ...instructions } }
  },
  metrics: [
    meanMetric("prompt_level_strict_acc"),
    byInstruction("inst_level_strict_acc"),
    meanMetric("prompt_level_loose_acc"),
    byInstruction("inst_level_loose_acc"),
  ],
})
