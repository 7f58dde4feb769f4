/** The model cards of the demo's models: data, licences, training and measured numbers, as Markdown with a YAML head. */

import type { EmojiData } from "./data/prepare.js"
import type { MeasurementResult } from "./evaluation.js"
import { isComparison, type SetId } from "./plan.js"
import { type DemoRecipe, SCRATCH } from "./recipe.js"
import { decodingText, type TaskResult } from "./report/demo-report-data.js"
import type { Stage, StageName } from "./stages.js"

export interface ModelCardInput {
  recipe: DemoRecipe
  setting: string
  /** What to type to make the model again. */
  command: string
  stage: Stage
  data: EmojiData
  parameters: number
  results: readonly MeasurementResult[]
}

const SETS: Record<SetId, string> = { vendor: "a vendor never seen in training", pictures: "held-out pictures" }

/** Names under which models ship with the program, by setting. */
const BUILT_IN: Record<string, Partial<Record<StageName, string>>> = {
  full: { control: "emoji-ar", "diffusion-next": "emoji-diffusion" },
  quick: { autoregressive: "emoji-ar-small" },
}

/** @returns the text of README.md for the folder of the stage's model */
export function modelCard({ recipe, setting, command, stage, data, parameters, results }: ModelCardInput): string {
  const { pictures, concepts } = data.counts
  const diffusion = stage.config.paradigm === "block-diffusion"
  const { block_size, noise, noise_range, learn, shift, weight, copies } = stage.config.block_diffusion
  const { steps } = recipe.stages.autoregressive
  const started = recipe.start === SCRATCH ? `${steps} steps of autoregressive training from scratch` : recipe.start
  const before = stage.name === "autoregressive" ? "" : `${started}, then `
  const builtIn = BUILT_IN[setting]?.[stage.name]
  const model = builtIn ?? "FOLDER"
  return `---
license: cc-by-sa-4.0
pipeline_tag: image-text-to-text
tags: [${diffusion ? "block-diffusion, diffusion-language-model" : "autoregressive"}, qwen2.5-vl, demo]
---

# ${builtIn ?? `Emoji demo: ${stage.title}`}

A very small vision-language model (${(parameters / 1e6).toFixed(2)} million weights, the architecture of Qwen2.5-VL) that
knows emoji drawings and nothing else. ${diffusion ? "It was translated from an autoregressive model to block diffusion." : "It answers token by token."}
It exists to try this program without a download and to compare ways of decoding; it is of no other use.

\`\`\`console
$ npx diffusionvl generate --model ${model} --image drawing.png "What is this?"
$ npx diffusionvl generate --model ${model} --image drawing.png "Describe it."
$ npx diffusionvl generate --model ${model} --image drawing.png "red apple/dog/bus/violin?"
\`\`\`

## Training

${before}${stage.config.train.max_steps} steps of ${stage.config.train.micro_batch_size} pictures of ${diffusion ? `block-diffusion training (block size ${block_size}, noise ${noise} in [${noise_range.join(", ")}], ${copies} noised ${copies === 1 ? "copy" : "copies"} of each sample, weight ${weight}, ${learn === "answers" ? "answers only" : "labels as the authors have them"}, token shift ${shift})` : "autoregressive training"}
in ${stage.config.train.dtype}; seed ${stage.config.train.seed}. The command was
\`${command}\`: it makes the data, the model, this card and a report.

## Data

Drawings of ${concepts} emojis, ${recipe.data.size} × ${recipe.data.size} pixels, with names, groups, categories and tags from emojibase-data (MIT):
${pictures.train} training pictures of three vendors; ${pictures.heldOutPictures} pictures of these vendors and all ${pictures.heldOutVendor} of twemoji were held out.
Three kinds of question: name it, choose among four names, describe it.

| drawings | author | licence |
|---|---|---|
${data.licences.map(({ vendor, author, url, licence }) => `| [${vendor}](${url}) | ${author} | ${licence} |`).join("\n")}

The drawings are not in this folder. The weights were learned from them, some of them share-alike; take the weights as
CC BY-SA 4.0.

## Results

| pictures | decoding | naming, exact | choice | choice by likelihood | description F1 | name in description | forwards per token | questions per kind |
|---|---|---|---|---|---|---|---|---|
${rows(stage, results).join("\n")}

Naming counts exact answers, in percent. Forwards per token are those of descriptions, up to the end of the answer.${
    diffusion
      ? `
When no token is above the threshold, the leftmost is decoded (sequential), or the most confident (low confidence).`
      : ""
  }

## Limits

Everything is taken for one of the ${concepts} emojis. Photographs, text and questions of any other wording give nonsense.
`
}

function rows(stage: Stage, results: readonly MeasurementResult[]): string[] {
  const percent = (value: number | undefined): string => (value === undefined ? "–" : (100 * value).toFixed(1))
  return results
    .filter(({ measurement }) => measurement.model === stage.name && isComparison(measurement))
    .map(({ measurement: { set, decoding }, scores: { name, choose, describe } }) => {
      const cells = [
        percent(name?.exact),
        percent(choose?.greedy),
        percent(choose?.likelihood),
        percent(describe?.tokenF1),
        percent(describe?.nameInside),
        describe?.forwardsPerToken.toFixed(2) ?? "–",
        questions(name, choose, describe),
      ]
      return `| ${SETS[set]} | ${decodingText(decoding)} | ${cells.join(" | ")} |`
    })
}

const questions = (...tasks: (TaskResult | undefined)[]): string =>
  String(Math.max(0, ...tasks.map((task) => task?.questions ?? 0)))
