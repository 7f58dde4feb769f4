/** Shows the demo while it runs, and its result as a table. */

import { basename, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { interruptible } from "../../src/cli/process/interrupt.js"
import { formatBytes, formatCount, formatDuration } from "../../src/cli/ui/format.js"
import { PartProgress } from "../../src/cli/ui/parts.js"
import { formatTable } from "../../src/cli/ui/table.js"
import { counted } from "../../src/readable.js"
import { ratioText } from "../../src/report/spread.js"
import { readRecipe } from "../../src/train/recipe/config.js"
import { askForecast, type Choice, type SmallerSetting } from "./demo-forecast.js"
import type { MeasurementResult, SpeedResult } from "./evaluation.js"
import { isComparison } from "./plan.js"
import { demoSchema, requireEffect } from "./recipe.js"
import { decodingText } from "./report/demo-report-data.js"
import { type DemoObserver, type DemoResult, runDemo } from "./run.js"
import type { TimedPart } from "./time-left.js"

export interface DemoCommandOptions {
  recipe?: string
  out?: string
  fromScratch?: boolean
  set?: string[]
}

const RECIPES = fileURLToPath(new URL("recipes", import.meta.url))
/** The settings that ship, each with the next smaller one. */
const SMALLER: Record<string, string> = { full: "quick", quick: "short" }

export async function demo(options: DemoCommandOptions): Promise<void> {
  const file = options.recipe ?? join(RECIPES, "emoji-quick.yaml")
  const overrides = [...(options.fromScratch ? ["start=scratch"] : []), ...(options.set ?? [])]
  const recipe = readRecipe(demoSchema, file, overrides)
  requireEffect(recipe, options.set ?? [])
  const setting = basename(file)
    .replace(/^emoji-/, "")
    .replace(/\.ya?ml$/, "")
  const folder = resolve(options.out ?? join("runs", `demo-${setting}${options.fromScratch ? "-from-scratch" : ""}`))
  process.stderr.write(
    `An autoregressive vision-language model becomes a block-diffusion one, beside an autoregressive control.\nCtrl-C stops at a clean point, the same command goes on. Everything is in ${relative(".", folder) || "."}\n\n`,
  )
  const smaller = Object.hasOwn(SMALLER, setting) ? smallerSetting(SMALLER[setting]) : undefined
  let choice: Choice = "go on"
  const forecast = async (parts: readonly TimedPart[]): Promise<boolean> => {
    choice = await askForecast(parts, recipe.stages.diffusion.steps, smaller)
    return choice === "go on"
  }
  const result = await interruptible((signal) =>
    runDemo({ recipe, setting, command: commandOf(options), folder, signal, observer: observer(forecast) }),
  )
  if (result) show(result)
  else if ((choice as Choice) === "smaller") await demo({ ...options, out: undefined, recipe: smaller!.file })
}

function smallerSetting(setting: string): SmallerSetting {
  const file = join(RECIPES, `emoji-${setting}.yaml`)
  return { file, steps: readRecipe(demoSchema, file).stages.diffusion.steps }
}

/** What to type to do the same again. */
function commandOf({ recipe, fromScratch, set = [] }: DemoCommandOptions): string {
  const words = [
    ...(recipe ? ["--recipe", relative(".", recipe)] : []),
    ...(fromScratch ? ["--from-scratch"] : []),
    ...set.flatMap((override) => ["--set", override]),
  ]
  return words.length === 0 ? "npm run demo" : `npm run demo -- ${words.join(" ")}`
}

function observer(forecast: DemoObserver["forecast"]): DemoObserver {
  const progress = new PartProgress()
  return {
    data: (done, total) => progress.update("pictures", done, total),
    forecast,
    training({ title }, event, left) {
      if (event.type === "start")
        progress.update(
          title,
          event.step,
          event.totalSteps,
          `${formatCount(event.parameters)} parameters to train`,
          left,
        )
      else if (event.type === "step") {
        const { loss, progress: done, tokensPerSecond, memoryBytes } = event.metrics
        progress.update(
          title,
          done,
          1,
          `loss ${loss.toFixed(3)} · ${formatCount(tokensPerSecond)} tokens/s · ${formatBytes(memoryBytes)}`,
          left,
        )
      } else if (event.type === "interrupted")
        progress.note(`${title} · stopped at step ${event.step}, kept in ${relative(".", event.folder)}`)
      else if (event.type === "done") progress.note(`${title} · ${formatDuration(event.seconds)}`)
    },
    evaluation: (done, total, what, left) => progress.update("evaluation", done, total, what, left),
    note: (line) => progress.note(line),
  }
}

const percent = (value: number | undefined): string => (value === undefined ? "–" : `${(100 * value).toFixed(1)}`)

function show({ report, results, speeds }: DemoResult): void {
  const compared = results.filter(({ measurement }) => isComparison(measurement))
  for (const [set, title] of [
    ["vendor", "A vendor never seen in training"],
    ["pictures", "Held-out pictures of the other vendors"],
  ] as const) {
    process.stdout.write(`\n${title} (%):\n`)
    const shown = compared.filter(({ measurement }) => measurement.set === set)
    process.stdout.write(`${comparison(shown, set === "vendor" ? speeds : [])}\n`)
  }
  process.stdout.write(
    `\nSpeeds are of descriptions, measured in turns in ${counted(speeds[0].speed.rounds, "round")}: the median, its ratio to the control's and the middle half of the ratios.\n`,
  )
  process.stdout.write(
    `\nThe report, with sweeps, sample answers and a block being denoised: ${relative(".", report)}\n`,
  )
}

function comparison(results: readonly MeasurementResult[], speeds: readonly SpeedResult[]): string {
  const rows = results.map(({ measurement: { model, decoding }, scores: { name, choose, describe } }) => [
    model,
    decodingText(decoding),
    percent(name?.exact),
    percent(choose?.greedy),
    percent(choose?.likelihood),
    percent(describe?.tokenF1),
    percent(describe?.nameInside),
    describe ? describe.forwardsPerToken.toFixed(2) : "–",
    ...speedCells(speeds, model, decoding),
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
      ...(speeds.length > 0 ? ["tokens/s", "× control"] : []),
    ],
    ...rows,
  ])
}

function speedCells(speeds: readonly SpeedResult[], model: string, decoding: unknown): string[] {
  if (speeds.length === 0) return []
  const found = speeds.find(
    ({ contender }) => contender.model === model && JSON.stringify(contender.decoding) === JSON.stringify(decoding),
  )
  return found ? [found.speed.tokensPerSecond.median.toFixed(0), ratioText(found.speed.ratio)] : ["–", "–"]
}
