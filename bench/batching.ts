/**
 * Many answers at once in one process: tokens per second of 1, 4, 16 and 64 of them, with the built-in model and at the 135M shape.
 *
 *   node scripts/source.mjs bench/batching.ts [--model NAME or SHAPE]... [--dtype D] [--streams N]... [--rounds N] [--tokens N] [--prompt N] [--temperature T]
 *
 * Each answer has a prompt and a seed of its own; prompts are known from the first round, which is not measured. In every round all
 * numbers of answers take their turn, so that whatever else the machine does meets all of them. CPU time is that of all threads.
 */

import { monitorEventLoopDelay } from "node:perf_hooks"
import { parseArgs } from "node:util"
import { configOf } from "../src/bench/shapes.js"
import { shunMask } from "../src/bench/steps.js"
import { randomFrom } from "../src/data/prng.js"
import { Executor } from "../src/execution/executor.js"
import { BUILT_IN_MODELS } from "../src/hub/resolve.js"
import { loadModel } from "../src/models/load.js"
import { newModel } from "../src/models/registry.js"
import { blockDecoding } from "../src/paradigms/block-diffusion/decoder.js"
import type { DType } from "../src/torch/index.js"

const { values } = parseArgs({
  options: {
    model: { type: "string", multiple: true, default: ["emoji-diffusion", "smollm2-135m"] },
    dtype: { type: "string", default: "float32" },
    streams: { type: "string", multiple: true, default: ["1", "4", "16", "64"] },
    rounds: { type: "string", default: "5" },
    tokens: { type: "string", default: "32" },
    prompt: { type: "string", default: "32" },
    temperature: { type: "string", default: "1" },
  },
})
const BLOCK = 8
const streams = values.streams.map(Number)

function open(name: string) {
  const options = { dtype: values.dtype as DType, device: "cpu" } as const
  if (name.startsWith("emoji")) {
    const { model, checkpoint } = loadModel(`${BUILT_IN_MODELS}/${name}`, options)
    return { model, config: checkpoint.config }
  }
  const config = configOf(name)
  const model = newModel(config, 0, options)
  shunMask(model, config)
  return { model, config }
}

interface Measured {
  tokensPerSecond: number
  /** Of all threads, for each token. */
  cpuMilliseconds: number
  millisecondsPerForward: number
  held: number
}

/** What decodes so many answers at once; each is of so many tokens, whatever they are. */
function prepare(name: string): (count: number) => Promise<Measured> {
  const { model, config } = open(name)
  const executor = new Executor(model)
  const maskToken = config.tokens.mask ?? config.text.vocabSize - 1
  const [length, genLength] = [Number(values.prompt), Number(values.tokens)]
  const shift = config.paradigm.options?.tokenShift === "next" ? "next" : "same"
  const answer = async (seed: number): Promise<number> => {
    const random = randomFrom(seed)
    const ids = Int32Array.from({ length }, () => Math.floor(random() * (config.text.vocabSize - 64)))
    const options = { maskToken, eos: [], blockSize: BLOCK, genLength, shift, temperature: Number(values.temperature) }
    const decoding = blockDecoding(length, { ...options, shift: shift as "next" | "same", uniform: random })
    for await (const event of executor.run({ ids }, decoding)) if (event.type === "done") return event.stats.forwards
    throw new Error("decoding ended without a result")
  }
  return async (count) => {
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const [started, before] = [performance.now(), process.cpuUsage()]
    const forwards = await Promise.all(Array.from({ length: count }, (_, i) => answer(i)))
    const milliseconds = performance.now() - started
    const { user, system } = process.cpuUsage(before)
    delay.disable()
    return {
      tokensPerSecond: (1000 * count * genLength) / milliseconds,
      cpuMilliseconds: (user + system) / 1000 / (count * genLength),
      millisecondsPerForward: milliseconds / Math.max(...forwards),
      held: delay.max / 1e6,
    }
  }
}

const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1]

for (const name of values.model) {
  const measure = prepare(name)
  await measure(Math.max(...streams))
  const results = streams.map((): Measured[] => [])
  for (let round = 0; round < Number(values.rounds); round++)
    for (const [i, count] of streams.entries()) results[i].push(await measure(count))
  console.log(`${name}, ${values.dtype}`)
  console.log("answers  tokens/s  × one  ms/forward  CPU ms/token  × one  event loop held at most")
  for (const [i, count] of streams.entries()) {
    const of = (key: keyof Measured): number[] => results[i].map((one) => one[key])
    const times = (key: keyof Measured): number =>
      median(results[i].map((one, round) => one[key] / results[0][round][key]))
    const cells = [
      [count, 7, 0],
      [median(of("tokensPerSecond")), 10, 1],
      [times("tokensPerSecond"), 7, 2],
      [median(of("millisecondsPerForward")), 12, 2],
      [median(of("cpuMilliseconds")), 14, 3],
      [1 / times("cpuMilliseconds"), 7, 2],
      [Math.max(...of("held")), 9, 1],
    ] as const
    console.log(cells.map(([value, width, digits]) => value.toFixed(digits).padStart(width)).join(""))
  }
}
