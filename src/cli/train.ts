/** Shows a training while it runs, and writes the report of a translation. */

import { join, resolve } from "node:path"
import { writeFileAtomic } from "../checkpoint/files.js"
import { UserError } from "../errors.js"
import { imageProcessorOf } from "../models/images.js"
import { readConfig } from "../models/read-config.js"
import { DEFAULT_PARADIGM, paradigmNamed } from "../paradigms/registry.js"
import { readTrainingRecipe, type TrainingConfig } from "../train/config.js"
import { requirePlaces } from "../train/output-places.js"
import { renderTrainingReport } from "../train/report.js"
import { type TrainingEvent, train } from "../train/trainer.js"
import { interruptible } from "./interrupt.js"
import { downloadObserver } from "./open-model.js"
import { formatBytes, formatCount, formatDuration } from "./ui/format.js"
import { Progress } from "./ui/progress.js"

interface TrainOptions {
  set?: string[]
  out?: string
}

function withOutput(config: TrainingConfig, out: string | undefined): TrainingConfig {
  return { ...config, output: resolve(out ?? config.output) }
}

export async function trainCommand(recipe: string, { set, out }: TrainOptions): Promise<void> {
  await run(withOutput(readTrainingRecipe(recipe, set), out))
}

export async function translateCommand(
  model: string | undefined,
  { recipe, set, out }: TrainOptions & { recipe: string },
): Promise<void> {
  const read = readTrainingRecipe(recipe, set)
  if (!paradigmNamed(read.paradigm).masks)
    throw new UserError(`translating means diffusion, the recipe says ${read.paradigm}`, {
      where: recipe,
      fix: `set paradigm: ${DEFAULT_PARADIGM}, or use \`diffusionvl train\``,
    })
  const config = withOutput({ ...read, model: model ?? read.model }, out)
  const report = join(config.output, "report.html")
  requirePlaces({ files: [report] })
  const finished = await run(config)
  await writeFileAtomic(report, renderTrainingReport(config))
  const question = imageProcessorOf(readConfig(finished)) ? '--image FILE "What is this?"' : '"What is the time?"'
  process.stdout.write(`report   ${report}\ntry it   npx diffusionvl generate --model ${finished} ${question}\n`)
}

/** @returns the folder of the finished model */
async function run(config: TrainingConfig): Promise<string> {
  const progress = new Progress(config.paradigm)
  return interruptible(async (signal) => {
    const download = downloadObserver(config.model)
    for await (const event of train(config, { signal, onDownload: download.onEvent })) {
      if (event.type === "start") download.finish()
      show(progress, event)
      if (event.type === "done") {
        process.stdout.write(
          `model    ${event.model}\nmetrics  ${join(config.output, "metrics.jsonl")} (and TensorBoard files in ${join(config.output, "tensorboard")})\n`,
        )
        return event.model
      }
    }
    return ""
  })
}

function show(progress: Progress, event: TrainingEvent): void {
  switch (event.type) {
    case "start":
      progress.note(
        `${formatCount(event.parameters)} parameters to train · ${formatCount(event.samples)} samples · ${event.dtype} on ${event.device}${event.step > 0 ? ` · going on at step ${event.step}` : ""}`,
      )
      break
    case "step": {
      const { step, progress: part, loss, tokensPerSecond, memoryBytes } = event.metrics
      progress.update(
        part,
        1,
        `step ${step} · loss ${loss.toFixed(3)} · ${formatCount(tokensPerSecond)} tokens/s · ${formatBytes(memoryBytes)}`,
      )
      break
    }
    case "checkpoint":
      progress.note(`checkpoint ${event.folder}`)
      break
    case "interrupted":
      progress.finish(`stopped at step ${event.step}; the same command goes on from ${event.folder}`)
      break
    case "done":
      progress.finish(`trained in ${formatDuration(event.seconds)}`)
  }
}
