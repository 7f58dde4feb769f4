/** Shows the demo while it runs, and its result as a table. */

import { basename, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { isComparison } from "../demo/plan.js"
import { demoSchema } from "../demo/recipe.js"
import { type DemoObserver, type DemoResult, type MeasurementResult, runDemo } from "../demo/run.js"
import { decodingText } from "../report/demo-report-data.js"
import { readRecipe } from "../train/config.js"
import { interruptible } from "./interrupt.js"
import { formatBytes, formatCount, formatDuration } from "./ui/format.js"
import { Progress } from "./ui/progress.js"
import { formatTable } from "./ui/table.js"

const QUICK = fileURLToPath(new URL("../../recipes/emoji-quick.yaml", import.meta.url))

export async function demo(options: { recipe?: string; out?: string; set?: string[] }): Promise<void> {
  const file = options.recipe ?? QUICK
  const recipe = readRecipe(demoSchema, file, options.set)
  const setting = basename(file)
    .replace(/^emoji-/, "")
    .replace(/\.ya?ml$/, "")
  const folder = resolve(options.out ?? join("runs", `demo-${setting}`))
  const minutes = recipe.stages.autoregressive.minutes + 3 * recipe.stages.diffusion.minutes
  process.stderr.write(
    `An autoregressive vision-language model becomes a block-diffusion one: about ${Math.ceil(minutes)} minutes of training, then the comparison.\n`,
  )
  process.stderr.write(
    `Ctrl-C stops at a clean point, the same command goes on. Everything is in ${relative(".", folder) || "."}\n\n`,
  )
  const result = await interruptible((signal) => runDemo({ recipe, setting, folder, signal, observer: observer() }))
  if (result) show(result)
}

function observer(): DemoObserver {
  let progress: Progress | undefined
  let label = ""
  const on = (name: string): Progress => {
    if (label !== name) {
      progress?.finish("")
      progress = new Progress(name)
      label = name
    }
    return progress as Progress
  }
  const end = (line: string): void => {
    if (progress) progress.finish(line)
    else process.stderr.write(`${line}\n`)
    progress = undefined
    label = ""
  }
  return {
    data: (done, total) => on("pictures").update(done, total),
    training({ title }, event) {
      if (event.type === "start")
        on(title).update(0, 1, `${formatCount(event.parameters)} parameters, ${event.samples} pictures`)
      else if (event.type === "step") {
        const { loss, progress: part, tokensPerSecond, memoryBytes } = event.metrics
        on(title).update(
          part,
          1,
          `loss ${loss.toFixed(3)} · ${formatCount(tokensPerSecond)} tokens/s · ${formatBytes(memoryBytes)}`,
        )
      } else if (event.type === "interrupted")
        end(`${title} · stopped at step ${event.step}, kept in ${relative(".", event.folder)}`)
      else if (event.type === "done") end(`${title} · ${formatDuration(event.seconds)}`)
    },
    evaluation: (done, total, what) => on("evaluation").update(done, total, what),
    note: (line) => end(line),
  }
}

const percent = (value: number | undefined): string => (value === undefined ? "–" : `${(100 * value).toFixed(1)}`)

function show({ report, results }: DemoResult): void {
  const compared = results.filter(({ measurement }) => isComparison(measurement))
  for (const [set, title] of [
    ["vendor", "A vendor never seen in training"],
    ["pictures", "Held-out pictures of the other vendors"],
  ] as const) {
    process.stdout.write(`\n${title} (%):\n`)
    process.stdout.write(`${comparison(compared.filter(({ measurement }) => measurement.set === set))}\n`)
  }
  process.stdout.write(
    `\nThe report, with sweeps, sample answers and a block being denoised: ${relative(".", report)}\n`,
  )
}

function comparison(results: readonly MeasurementResult[]): string {
  const rows = results.map(({ measurement: { model, decoding }, scores: { name, choose, describe } }) => [
    model,
    decodingText(decoding),
    percent(name?.exact),
    percent(choose?.greedy),
    percent(choose?.likelihood),
    percent(describe?.tokenF1),
    percent(describe?.nameInside),
    describe ? describe.forwardsPerToken.toFixed(2) : "–",
    describe ? describe.tokensPerSecond.toFixed(0) : "–",
  ])
  return formatTable([
    [
      "model",
      "decoding",
      "naming",
      "choice",
      "by likelihood",
      "description F1",
      "name inside",
      "forwards/token",
      "tokens/s",
    ],
    ...rows,
  ])
}
