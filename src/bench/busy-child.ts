/** One side of the busy benchmark, a process of its own because OpenMP reads its settings once: `busy-child.js CASE DTYPE`. */

import { BUILT_IN_MODELS } from "../hub/resolve.js"
import { loadModel } from "../models/load.js"
import { newModel } from "../models/registry.js"
import { type DType, keepFreedMemory } from "../torch/index.js"
import { BUSY_CASES, type BusyCase } from "./busy-cases.js"
import { median } from "./reference.js"
import { configOf } from "./shapes.js"
import { answerer, shunMask, trainer } from "./steps.js"

/** One step: milliseconds of a forward of decoding, or of a training step. */
function prepare({ model: name, task, ...sizes }: BusyCase, dtype: DType): (seed: number) => Promise<number> {
  const trainable = task === "train"
  const { model, config } = open(name, { dtype, trainable })
  const blockSize = 8
  if (task === "train") {
    keepFreedMemory()
    const step = trainer(model, config, {
      ...sizes,
      answer: sizes.length,
      tokens: sizes.prompt,
      blockSize,
      device: "cpu",
    })
    return async (seed) => 1000 * step(seed)
  }
  const answer = answerer(model, config, { ...sizes, blockSize })
  return async () => {
    const { seconds, forwards } = await answer(blockSize)
    return (1000 * seconds) / forwards
  }
}

function open(name: string, options: { dtype: DType; trainable: boolean }) {
  if (name.startsWith("emoji")) {
    const { model, checkpoint } = loadModel(`${BUILT_IN_MODELS}/${name}`, { ...options, device: "cpu" })
    return { model, config: checkpoint.config }
  }
  const config = configOf(name)
  const model = newModel(config, 0, { ...options, device: "cpu" })
  shunMask(model, config)
  return { model, config }
}

/** Seconds after which the policy has noticed what others do, and seconds that are measured then; at least one step. */
const SETTLE = 0.6
const MEASURE = 0.6

/** The median of steps behind the time in which the policy adapts. */
async function settled(seed: number): Promise<number> {
  const start = performance.now()
  const since = (): number => (performance.now() - start) / 1000
  while (since() < SETTLE) await step(seed)
  const times = [await step(seed)]
  while (since() < SETTLE + MEASURE) times.push(await step(seed))
  return median(times)
}

const [title, dtype] = process.argv.slice(2)
const step = prepare(BUSY_CASES.find((one) => one.title === title)!, dtype as DType)
// Ctrl-C reaches the whole group; the benchmark ends its processes itself.
process.on("SIGINT", () => {})
process.on("message", async (seed: number) => process.send!(await settled(seed)))
process.send!(0)
