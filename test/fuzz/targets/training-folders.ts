/** Output folders of trainings in which something was changed, and that are to be gone on from. */

import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import type { Random } from "../../../src/data/prng.js"
import { type SmallData, smallTraining, writeSmallVlm } from "../../support/small-vlm.js"
import { acceptedAsItIs } from "../accepted.js"
import { mutateBytes } from "../mutate/bytes.js"
import { placeOddFile } from "../mutate/file.js"
import { type Mutated, mutateJson } from "../mutate/json.js"
import { pick } from "../mutate/values.js"
import { type Fuzzer, Nonsense } from "../target.js"
import { trainBriefly } from "./training.js"

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => statSync(join(folder, name)).isFile())

const training = (small: SmallData, output: string, max_steps: number) =>
  smallTraining(small, output, { train: { max_steps, save_every: 2, keep: 1, accumulate: 1 } })

function mutateFile(random: Random, path: string): Mutated {
  const bytes = readFileSync(path)
  return path.endsWith(".json") ? mutateJson(random, JSON.parse(bytes.toString())) : mutateBytes(random, bytes)
}

/** Weights that the next steps start from: nobody sees a change of theirs, unless it is looked for. */
const isState = (file: string): boolean => /^checkpoint-4\/.*\.safetensors$/.test(file)

export async function prepare(base: string): Promise<Fuzzer> {
  const small = await writeSmallVlm(base)
  const made = join(base, "made")
  await acceptedAsItIs("training", () => trainBriefly(training(small, made, 4)))
  const files = filesIn(made)
  // The last checkpoint and the files beside it matter most.
  const likely = files.filter((file) => !/^(checkpoint-2|model|tensorboard)\//.test(file))
  await acceptedAsItIs("resumed training", async () => {
    cpSync(made, join(base, "again"), { recursive: true })
    await trainBriefly(training(small, join(base, "again"), 5))
  })
  return {
    async run({ random, folder, note }) {
      const out = join(folder, "out")
      const file = pick(random, random() < 0.9 ? likely : files)
      for (const name of files) {
        mkdirSync(dirname(join(out, name)), { recursive: true })
        copyFileSync(join(made, name), join(out, name))
      }
      const path = join(out, file)
      let changed = true
      if (random() < 0.1) {
        const whole = random() < 0.3 ? dirname(path) : path
        if (whole !== path && whole !== out) rmSync(whole, { recursive: true })
        note(whole === path || whole === out ? placeOddFile(random, path) : `without ${relative(out, whole)}`)
        changed = false
      } else {
        const { bytes, what } = mutateFile(random, path)
        changed = Buffer.compare(bytes, readFileSync(path)) !== 0
        note(`${file}: ${what}`)
        writeFileSync(path, bytes)
      }
      const done = await trainBriefly(training(small, out, 5))
      if (done && changed && isState(file)) throw new Nonsense("it went on from a checkpoint whose bytes have changed")
    },
  }
}
