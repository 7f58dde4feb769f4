/** Small model folders with every JSON file that published ones have, and a question for them. */

import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  openTensors,
  readTensor,
  type TensorEntry,
  writeTensors,
} from "../../../src/checkpoint/safetensors/safetensors.js"
import { generateText } from "../../../src/generate/generate.js"
import { preparePrompt } from "../../../src/generate/prepare.js"
import { scoreAnswers } from "../../../src/generate/score.js"
import { loadSession, type Session } from "../../../src/generate/session.js"
import { convert } from "../../../src/paradigms/convert.js"
import { imagePrompt } from "../../../src/text/conversation.js"
import { ChatTemplate } from "../../../src/text/formats/chat-template.js"
import { type SmallData, writeSmallVlm } from "../../support/small-vlm.js"
import { Nonsense } from "../target.js"

export interface SmallModels extends SmallData {
  /** Folders: autoregressive, block diffusion, and the first one in shards. */
  folders: string[]
  picture: string
}

const readJson = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, "utf8"))
const writeJson = (path: string, value: unknown): void => writeFileSync(path, JSON.stringify(value))

export async function writeSmallModels(folder: string): Promise<SmallModels> {
  const small = await writeSmallVlm(folder)
  const [diffusion, sharded] = [join(folder, "diffusion"), join(folder, "sharded")]
  writeJson(join(small.model, "generation_config.json"), {
    ...readJson(join(small.model, "generation_config.json")),
    do_sample: true,
    temperature: 0.7,
    top_k: 5,
    top_p: 0.9,
    repetition_penalty: 1.05,
  })
  addAuxiliaryFiles(small.model)
  await convert(small.model, diffusion)
  for (const file of readdirSync(small.model))
    if (!readdirSync(diffusion).includes(file)) copyFileSync(join(small.model, file), join(diffusion, file))
  writeJson(join(diffusion, "generation_config.json"), {
    eos_token_id: readJson(join(diffusion, "config.json")).eos_token_id,
    remasking_strategy: "sequential_dynamic",
    confidence_threshold: 0.9,
  })
  mkdirSync(sharded)
  const entries = [...openTensors(small.model)].map(
    ([name, location]): TensorEntry => ({ ...location, name, data: () => readTensor(location) }),
  )
  await writeTensors(sharded, entries, { maxShardBytes: 40_000 })
  for (const file of readdirSync(small.model))
    if (file.endsWith(".json")) copyFileSync(join(small.model, file), join(sharded, file))
  return { ...small, folders: [small.model, diffusion, sharded], picture: join(folder, "pictures", "red.png") }
}

/** Files of published folders that the demo's models do without. */
function addAuxiliaryFiles(folder: string): void {
  const { added_tokens } = readJson(join(folder, "tokenizer.json")) as {
    added_tokens: { content: string; id: number }[]
  }
  writeJson(join(folder, "added_tokens.json"), Object.fromEntries(added_tokens.map(({ content, id }) => [content, id])))
  writeJson(join(folder, "special_tokens_map.json"), {
    additional_special_tokens: added_tokens.map(({ content }) => content),
    eos_token: { content: "<|im_end|>", lstrip: false, normalized: false, rstrip: false, single_word: false },
    pad_token: "<|endoftext|>",
  })
  writeJson(join(folder, "processor_config.json"), {
    processor_class: "Qwen2_5_VLProcessor",
    image_processor: {
      ...readJson(join(folder, "preprocessor_config.json")),
      do_resize: true,
      do_rescale: true,
      rescale_factor: 1 / 255,
      do_normalize: true,
      do_convert_rgb: true,
      resample: 3,
      size: { shortest_edge: 3136, longest_edge: 3136 },
    },
  })
}

/** The files of a model in another folder: links, but what is to be changed. */
export function linkModel(from: string, to: string, changed: string): void {
  for (const file of readdirSync(from)) {
    if (file === changed) rmSync(join(to, file), { force: true })
    else symlinkSync(join(from, file), join(to, file))
  }
}

/** Loads a model as the command line does, and asks it something. */
export async function ask(folder: string, picture: string | undefined): Promise<Session> {
  const session = loadSession(folder, { dtype: "float32", device: "cpu" })
  const content = imagePrompt(picture ? 1 : 0, "What colour is this?")
  const messages = [{ role: "user", content }] as const
  const images = picture ? [picture] : []
  await generateText(session, { messages, images, maxTokens: 2 })
  // What it answered has to mean something.
  const prompt = await preparePrompt(session, messages, images)
  const [{ logLikelihood }] = await scoreAnswers(session, prompt, ["red"])
  if (Number.isNaN(logLikelihood)) throw new Nonsense("it answers, but its probabilities are not numbers")
  ChatTemplate.load(folder)?.render(messages)
  return session
}
