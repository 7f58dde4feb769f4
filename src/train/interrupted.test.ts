/** A training that is stopped anywhere goes on as if it had not been. */

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { lossesOf, run, weightsOf } from "../../test/support/run-training.js"
import { type Trainings, trainingsIn } from "../../test/support/trainings.js"
import type { TrainingConfig } from "./recipe/config.js"
import { type TrainingEvent, train } from "./trainer.js"

const folder = mkdtempSync(join(tmpdir(), "dvl-train-"))
let small: Trainings["small"]
let recipe: Trainings["recipe"]
beforeAll(async () => {
  ;({ small, recipe } = await trainingsIn(folder))
})
afterAll(() => rmSync(folder, { recursive: true }))

// Every source of randomness at once: order, task mixture by progress, augmentation, noise.
const pictures = {
  data: {
    sampler: "grouped",
    task_mixture: [
      { until: 0.5, tasks: { name: 1 } },
      { until: 1, tasks: { name: 0.5, describe: 1 } },
    ],
    augment: { scale: [0.8, 1.2], flip: 0.5, shift: 0.1, brightness: 0.2 },
  },
}
// Records without a picture belong to no picture.
const withPictures = async (): Promise<string> => {
  const records = JSON.parse(readFileSync(small.data, "utf8")) as { image?: string }[]
  const file = join(folder, "pictures.json")
  writeFileSync(file, JSON.stringify(records.filter(({ image }) => image)))
  return file
}

it.each([
  [
    "block diffusion, float32",
    { paradigm: "block-diffusion", block_diffusion: { block_size: 4, noise: "shuffled" } },
    {},
  ],
  [
    "block diffusion whose blocks grow, over a causal context",
    {
      paradigm: "block-diffusion",
      block_diffusion: {
        block_size: 8,
        context: "causal",
        anneal: [
          { until: 0.3, block_size: 2 },
          { until: 0.7, block_size: 4 },
        ],
      },
    },
    {},
  ],
  ["block diffusion, bfloat16 with float32 masters", { paradigm: "block-diffusion" }, { dtype: "bfloat16" }],
  ["autoregressive, gradient checkpointing", { paradigm: "autoregressive" }, { gradient_checkpointing: true }],
])("goes on bit for bit after any interruption: %s", async (_, what, keys) => {
  const file = await withPictures()
  const make = (): TrainingConfig =>
    recipe({ ...what, data: { ...pictures.data, file, image_root: folder }, train: keys })
  const whole = make()
  await run(whole)
  expect(lossesOf(whole).map(([step]) => step)).toEqual([0, 1, 2, 3, 4, 5])
  for (const stop of [1, 3, 5]) {
    const parts = make()
    const events = await run(parts, stop)
    expect(events.at(-1)).toMatchObject({ type: "interrupted", step: stop })
    const resumed = await run(parts)
    expect(resumed[0]).toMatchObject({ type: "start", step: stop })
    expect(weightsOf(parts)).toEqual(weightsOf(whole))
    expect(lossesOf(parts)).toEqual(lossesOf(whole))
  }
})

it("keeps the checkpoints it was asked to keep, and survives one that was cut off", async () => {
  const config = recipe({ train: { save_every: 1, keep: 1 } })
  await run(config, 4)
  const checkpoints = (): string[] => readdirSync(config.output).filter((name) => name.startsWith("checkpoint-"))
  expect(checkpoints()).toEqual(["checkpoint-3", "checkpoint-4"])
  // As kill −9 leaves it: a staging folder beside whole checkpoints, half a line in the log.
  cpSync(join(config.output, "checkpoint-4"), join(config.output, ".checkpoint-5.partial"), { recursive: true })
  rmSync(join(config.output, "checkpoint-4"), { recursive: true })
  writeFileSync(
    join(config.output, "metrics.jsonl"),
    `${readFileSync(join(config.output, "metrics.jsonl"), "utf8")}{"step":4,"lo`,
  )
  const events = await run(config)
  expect(events[0]).toMatchObject({ type: "start", step: 3 })
  const whole = recipe()
  await run(whole)
  expect(weightsOf(config)).toEqual(weightsOf(whole))
  expect(lossesOf(config)).toEqual(lossesOf(whole))
})

it("can be made longer after it has ended", async () => {
  const config = recipe({ train: { max_steps: 3, schedule: "constant" } })
  await run(config)
  const longer = { ...config, train: { ...config.train, max_steps: 6 } }
  expect((await run(longer))[0]).toMatchObject({ type: "start", step: 3, totalSteps: 6 })
  const whole = recipe({ train: { schedule: "constant" } })
  await run(whole)
  expect(weightsOf(longer)).toEqual(weightsOf(whole))
})

it("stops between the forwards of a step, and repeats that step", async () => {
  const config = recipe()
  const controller = new AbortController()
  const events: TrainingEvent[] = []
  for await (const event of train(config, { signal: controller.signal })) {
    events.push(event)
    // The first forward of the next step has begun when this fires, the second has not.
    if (event.type === "step" && event.metrics.step === 1) setImmediate(() => controller.abort())
  }
  expect(events.at(-1)).toMatchObject({ type: "interrupted", step: 2 })
  await run(config)
  const whole = recipe()
  await run(whole)
  expect(weightsOf(config)).toEqual(weightsOf(whole))
})
