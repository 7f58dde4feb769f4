/** The JSON files of the families that see, and of adapters on them: configurations, settings of pictures, what PEFT writes. */

import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { generateText } from "../../../src/generate/generate.js"
import { loadSession } from "../../../src/generate/session.js"
import type { RgbImage } from "../../../src/image/decode.js"
import { loadModel } from "../../../src/models/load.js"
import { imagePrompt } from "../../../src/text/conversation.js"
import { loraFixtures } from "../../support/lora-fixtures.js"
import { TINY_MODELS, writeTinyModel } from "../../support/tiny-models.js"
import { mutateJson } from "../mutate/json.js"
import { pick } from "../mutate/values.js"
import type { Fuzzer } from "../target.js"
import { linkModel } from "./small-model.js"

const FILES = ["config.json", "config.json", "preprocessor_config.json", "processor_config.json"]
/** Of test/fixtures/lora, with the models that they are for. */
const ADAPTERS = ["llava", "llava_onevision", "smolvlm", "qwen3_vl"].map((base) => [`${base}-all`, base])

async function ask(folder: string, width: number): Promise<void> {
  const session = loadSession(folder, { dtype: "float32", device: "cpu" })
  const picture: RgbImage = { width, height: 8, data: new Uint8Array(width * 8 * 3).fill(77) }
  const messages = [{ role: "user", content: imagePrompt(1, "What is it?") }] as const
  await generateText(session, { messages, images: [picture], maxTokens: 2 })
}

export async function prepare(base: string): Promise<Fuzzer> {
  const models = Object.entries(TINY_MODELS).filter(([, { files }]) => files?.["preprocessor_config.json"])
  const folders: string[] = []
  for (const [family, model] of models) folders.push(await writeTinyModel(join(base, family), model))
  for (const folder of folders) await ask(folder, 16)
  return {
    async run({ random, folder, note }) {
      const adapted = random() < 0.25 ? pick(random, ADAPTERS) : undefined
      const source = adapted ? join(loraFixtures, adapted[0]) : pick(random, folders)
      const file = adapted
        ? "adapter_config.json"
        : pick(
            random,
            FILES.filter((name) => existsSync(join(source, name))),
          )
      linkModel(source, folder, file)
      const { bytes, what } = mutateJson(random, JSON.parse(readFileSync(join(source, file), "utf8")))
      note(`${basename(source)}/${file}: ${what}`)
      writeFileSync(join(folder, file), bytes)
      if (adapted) loadModel(folder, { base: join(loraFixtures, adapted[1]), dtype: "float32", device: "cpu" })
      else await ask(folder, pick(random, [8, 16, 33]))
    },
  }
}
