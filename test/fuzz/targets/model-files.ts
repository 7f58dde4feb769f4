/** The JSON files of a model folder: read, loaded, and asked for two tokens. */

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type SmallData, smallTraining } from "../../support/small-vlm.js"
import { acceptedAsItIs } from "../accepted.js"
import { placeOddFile } from "../mutate/file.js"
import { mutateJson } from "../mutate/json.js"
import { pick } from "../mutate/values.js"
import type { Fuzzer } from "../target.js"
import { ask, linkModel, writeSmallModels } from "./small-model.js"
import { trainBriefly } from "./training.js"

/** config.json more often: most numbers are there. */
const FILES = [
  "config.json",
  "config.json",
  "config.json",
  "generation_config.json",
  "preprocessor_config.json",
  "processor_config.json",
  "tokenizer.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.json",
]

const training = (small: SmallData, output: string) =>
  smallTraining(small, output, { train: { max_steps: 1, accumulate: 1 } })

export async function prepare(base: string): Promise<Fuzzer> {
  const small = await writeSmallModels(base)
  const { folders, picture } = small
  for (const folder of folders) await acceptedAsItIs(folder, () => ask(folder, picture))
  return {
    async run({ random, folder, note }) {
      const source = pick(random, folders)
      const file = pick(
        random,
        FILES.filter((name) => existsSync(join(source, name))),
      )
      linkModel(source, folder, file)
      // Only one of the two is asked.
      if (file === "processor_config.json") rmSync(join(folder, "preprocessor_config.json"), { force: true })
      const path = join(folder, file)
      if (random() < 0.02) note(placeOddFile(random, path))
      else {
        const { bytes, what } = mutateJson(random, JSON.parse(readFileSync(join(source, file), "utf8")))
        note(`${file}: ${what}`)
        writeFileSync(path, bytes)
      }
      if (random() < 0.1) await trainBriefly(training({ ...small, model: folder }, join(folder, "out")))
      else await ask(folder, random() < 0.8 ? picture : undefined)
    },
  }
}
