/** Shows the demo while it runs, and its result as a table. */

import { basename, join, relative, resolve } from "node:path"
import { createInterface } from "node:readline/promises"
import { fileURLToPath } from "node:url"
import type { MeasurementResult, SpeedResult } from "../demo/evaluation.js"
import { isComparison } from "../demo/plan.js"
import { type DemoRecipe, demoSchema } from "../demo/recipe.js"
import { type DemoObserver, type DemoResult, runDemo } from "../demo/run.js"
import { stageTitle } from "../demo/stages.js"
import type { TimedPart } from "../demo/time-left.js"
import { decodingText } from "../report/demo-report-data.js"
import { ratioText } from "../report/spread.js"
import { readRecipe } from "../train/config.js"
import { interruptible } from "./interrupt.js"
import { formatBytes, formatCount, formatDuration } from "./ui/format.js"
import { Progress } from "./ui/progress.js"
import { formatTable } from "./ui/table.js"

export interface DemoCommandOptions {
  recipe?: string
  out?: string
  fromScratch?: boolean
  set?: string[]
}

const RECIPES = fileURLToPath(new URL("../../recipes", import.meta.url))
/** The settings that ship, each with the next smaller one. */
const SMALLER: Record<string, string> = { full: "quick", quick: "short" }
/** Longer ones are asked about before they begin. */
const LONG_SECONDS = 30 * 60

export async function demo(options: DemoCommandOptions): Promise<void> {
  const file = options.recipe ?? join(RECIPES, "emoji-quick.yaml")
  const overrides = [...(options.fromScratch ? ["start=scratch"] : []), ...(options.set ?? [])]
  const recipe = readRecipe(demoSchema, file, overrides)
  const setting = basename(file)
    .replace(/^emoji-/, "")
    .replace(/\.ya?ml$/, "")
  const folder = resolve(options.out ?? join("runs", `demo-${setting}${options.fromScratch ? "-from-scratch" : ""}`))
  process.stderr.write(
    `An autoregressive vision-language model becomes a block-diffusion one, beside an autoregressive control.\nCtrl-C stops at a clean point, the same command goes on. Everything is in ${relative(".", folder) || "."}\n\n`,
  )
  const smaller = SMALLER[setting]
  let choice: Choice = "go on"
  const forecast = async (parts: readonly TimedPart[]): Promise<boolean> => {
    choice = await begin(parts, recipe, smaller)
    return choice === "go on"
  }
  const result = await interruptible((signal) =>
    runDemo({ recipe, setting, command: commandOf(options), folder, signal, observer: observer(forecast) }),
  )
  if (result) show(result)
  else if ((choice as Choice) === "smaller") await demo({ ...options, out: undefined, recipe: recipeOf(smaller) })
}

const recipeOf = (setting: string): string => join(RECIPES, `emoji-${setting}.yaml`)

/** What to type to do the same again. */
function commandOf({ recipe, fromScratch, set = [] }: DemoCommandOptions): string {
  const words = [
    ...(recipe ? ["--recipe", relative(".", recipe)] : []),
    ...(fromScratch ? ["--from-scratch"] : []),
    ...set.flatMap((override) => ["--set", override]),
  ]
  return words.length === 0 ? "npm run demo" : `npx diffusionvl demo ${words.join(" ")}`
}

type Choice = "go on" | "smaller" | "stop"

/** Says what the parts will take; where that is long, offers the smaller setting to whoever sits at a terminal. */
async function begin(parts: readonly TimedPart[], recipe: DemoRecipe, smaller: string | undefined): Promise<Choice> {
  if (parts.length === 0) return "go on"
  const seconds = (list: readonly TimedPart[]): number =>
    list.reduce((sum, { units, secondsPerUnit }) => sum + units * secondsPerUnit, 0)
  const total = seconds(parts)
  const named = parts.map((part) => `${titleOf(part.name)} ${formatDuration(seconds([part]))}`)
  process.stderr.write(`on this machine, as it is now: about ${formatDuration(total)} (${named.join(", ")})\n`)
  if (total <= LONG_SECONDS) return "go on"
  if (!smaller) {
    process.stderr.write("fewer steps take less: --set stages.diffusion.steps=N\n")
    return "go on"
  }
  const file = recipeOf(smaller)
  const part = readRecipe(demoSchema, file).stages.diffusion.steps / recipe.stages.diffusion.steps
  process.stderr.write(
    `that is long; a smaller setting takes about ${formatDuration(total * part)}: npx diffusionvl demo --recipe ${relative(".", file)}\n`,
  )
  if (!process.stdin.isTTY || !process.stderr.isTTY) return "go on"
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal.question("go on with this one (g), take the smaller one (s), or stop (Enter)? ")
    return answer.trim().toLowerCase() === "g" ? "go on" : answer.trim().toLowerCase() === "s" ? "smaller" : "stop"
  } finally {
    terminal.close()
  }
}

const titleOf = (part: string): string =>
  part === "evaluation" ? part : stageTitle(part as Parameters<typeof stageTitle>[0]).split(",")[0]

function observer(forecast: DemoObserver["forecast"]): DemoObserver {
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
    forecast,
    training({ title }, event, left) {
      if (event.type === "start")
        on(title).update(event.step, event.totalSteps, `${formatCount(event.parameters)} parameters to train`, left)
      else if (event.type === "step") {
        const { loss, progress: part, tokensPerSecond, memoryBytes } = event.metrics
        on(title).update(
          part,
          1,
          `loss ${loss.toFixed(3)} · ${formatCount(tokensPerSecond)} tokens/s · ${formatBytes(memoryBytes)} · whole demo`,
          left,
        )
      } else if (event.type === "interrupted")
        end(`${title} · stopped at step ${event.step}, kept in ${relative(".", event.folder)}`)
      else if (event.type === "done") end(`${title} · ${formatDuration(event.seconds)}`)
    },
    evaluation: (done, total, what, left) => on("evaluation").update(done, total, what, left),
    note: (line) => end(line),
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
    `\nSpeeds are of descriptions, measured in turns in ${speeds[0].speed.rounds} rounds: the median, its ratio to the control's and the middle half of the ratios.\n`,
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
