/** The authors' models with a SigLIP tower: every paradigm with pictures, and folders as they write them. */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import type { Json } from "../src/checkpoint/json.js"
import { openTensors } from "../src/checkpoint/safetensors/safetensors.js"
import { randomFrom } from "../src/data/prng.js"
import { generateText } from "../src/generate/generate.js"
import { preparePrompt } from "../src/generate/prepare.js"
import { loadSession } from "../src/generate/session.js"
import { readConfig } from "../src/models/read-config.js"
import { buildModel } from "../src/models/registry.js"
import { meanLoss, type TrainingBatch } from "../src/paradigms/batch.js"
import { convert } from "../src/paradigms/convert.js"
import { paradigmNamed, paradigms } from "../src/paradigms/registry.js"
import { asParadigm } from "../src/paradigms/translate.js"
import { encodeTraining, type Message } from "../src/text/conversation.js"
import { spanOf } from "../src/text/image-span.js"
import { Tokenizer } from "../src/text/tokenizer/tokenizer.js"
import { backward, setThreads, tidy } from "../src/torch/index.js"
import {
  AUTHORS_TYPES,
  type AuthorsType,
  authorsConfig,
  authorsJson,
  MASK,
  patterned,
  SIGLIP,
  saveAuthors,
  WHAT_IS_IT,
  weightsOf,
} from "./support/small-authors.js"
import { forEachTest } from "./support/test-folders.js"

beforeAll(() => setThreads(1))

let folder: string
forEachTest("authors-models-", (made) => {
  folder = made
})

const TYPES = Object.keys(AUTHORS_TYPES) as AuthorsType[]
const PLAIN = { qwen2: "llava_qwen", llada: "llava_llada" } as const
const BLOCKS = { qwen2: "diffusionvl_qwen", llada: "llava_llada_bd3lm" } as const
const ARCHITECTURES = {
  llava_qwen: "LlavaQwenForCausalLM",
  diffusionvl_qwen: "DiffusionVLQwenForCausalLM",
  llava_llada: "LlavaLLaDAModelLM",
  llava_llada_bd3lm: "LlavaLladaBD3LMForCausalLM",
}
const PUBLISHED = { qwen2: "autoregressive", llada: "full-diffusion" } as const

const written = (of: string): Json => JSON.parse(readFileSync(join(of, "config.json"), "utf8"))

describe.each(TYPES.flatMap((type) => paradigms().map(({ name }) => ({ type, paradigm: name }))))(
  "$paradigm on $type",
  ({ type, paradigm: name }) => {
    const language = AUTHORS_TYPES[type]
    const paradigm = paradigmNamed(name)
    const recipe = paradigm.recipe.parse({})
    const config = asParadigm(authorsConfig(type), paradigm, { recorded: paradigm.record(recipe) })

    it("learns from pictures with every part, is saved in the form of its paradigm, and answers as before", async () => {
      await saveAuthors(folder, type, config)
      const expectedType = name === "block-diffusion" ? BLOCKS[language] : PLAIN[language]
      expect(written(folder).model_type).toBe(expectedType)
      // What other loaders would not know is recorded; the published paradigm of the form is not.
      const isPublished =
        name === "block-diffusion" ||
        (name === PUBLISHED[language] && Object.keys(config.paradigm.options).length === 0)
      expect(written(folder).diffusionvl === undefined).toBe(isPublished)
      expect("bd3lm_block_size" in written(folder)).toBe(name === "block-diffusion")
      const session = loadSession(folder, { dtype: "float32", device: "cpu" })
      expect(session.paradigm.name).toBe(name)

      const model = buildModel(config, weightsOf(config, true), "float32")
      const messages: Message[] = [...WHAT_IS_IT, { role: "assistant", content: "A cat." }]
      const tokenizer = Tokenizer.load(folder)
      const options = { learn: paradigm.learn?.(recipe) }
      const encoded = encodeTraining(messages, tokenizer, session.format, options)
      const image = await session.images!.prepare(patterned(20, 9))
      const layout = paradigm.layOut(encoded, recipe, {
        maxLength: 512,
        imageSpans: [spanOf(image.pieces, tokenizer)],
        config,
      })
      const batch: TrainingBatch = { samples: [{ ...layout, where: "here" }], images: [image] }
      const objective = { recipe, per: paradigm.per, maskToken: paradigm.masks ? MASK : undefined }
      tidy(() => backward(meanLoss(paradigm.objective(model, batch, { ...objective, uniform: randomFrom(5) }))))
      const still = [...model.parameters()].filter(([, { grad }]) => !grad || !(grad.abs().max().item() > 0))
      // The norm behind the tower's last layer is in the files, and nothing reads it.
      expect(still.map(([weight]) => weight)).toEqual(
        ["weight", "bias"].map((part) => `model.vision_tower.vision_tower.vision_model.post_layernorm.${part}`),
      )

      const asked = { messages: WHAT_IS_IT, images: [patterned(20, 9)], maxTokens: 6 }
      const first = await generateText(session, asked)
      const again = await generateText(loadSession(folder, { dtype: "float32", device: "cpu" }), asked)
      expect([...again.ids]).toEqual([...first.ids])
      expect(first.ids.length).toBeGreaterThan(0)
      const other = await preparePrompt(session, WHAT_IS_IT, [patterned(9, 20)])
      expect(other.features).toHaveLength(1)
    })
  },
)

describe.each(TYPES)("%s on disk", (type) => {
  it("has the authors' names and keys, and is read back as it was", async () => {
    await saveAuthors(folder, type)
    const names = [...openTensors(folder).keys()]
    const tower = "model.vision_tower.vision_tower.vision_model"
    expect(names).toEqual(
      expect.arrayContaining([
        "model.embed_tokens.weight",
        "lm_head.weight",
        "model.mm_projector.0.weight",
        "model.mm_projector.2.bias",
        "model.image_newline",
        `${tower}.embeddings.position_embedding.weight`,
        `${tower}.encoder.layers.1.mlp.fc2.weight`,
        `${tower}.post_layernorm.bias`,
      ]),
    )
    // The last of three layers is not used, and not there.
    expect(names.filter((name) => name.includes("layers.2."))).toEqual([
      ...names.filter((name) => name.startsWith("model.layers.2.")),
    ])
    const { use_mm_proj, vision_config, dtype: _, torch_dtype: __, ...json } = written(folder)
    const { bos_token_id: ___, ...before } = authorsJson(type)
    expect(json).toMatchObject(before)
    expect(use_mm_proj).toBe(true)
    expect(vision_config).toMatchObject(SIGLIP)
    const { raw: _raw, ...again } = readConfig(folder)
    const { raw: _before, ...config } = authorsConfig(type)
    expect(again).toEqual({ ...config, ...(again.paradigm.name === "block-diffusion" && { paradigm: again.paradigm }) })
    expect(again.paradigm.options.block_size).toBe(type.match(/diffusionvl|bd3lm/) ? 4 : undefined)
  })

  it("is translated to the other form and back with the same weights", async () => {
    await saveAuthors(folder, type)
    const language = AUTHORS_TYPES[type]
    const there = join(folder, "there")
    const isBlocks = type === BLOCKS[language]
    await convert(folder, there, { paradigm: isBlocks ? PUBLISHED[language] : "block-diffusion" })
    expect(written(there).model_type).toBe(isBlocks ? PLAIN[language] : BLOCKS[language])
    const back = join(folder, "back")
    await convert(there, back, { paradigm: isBlocks ? "block-diffusion" : PUBLISHED[language] })
    expect(written(back).model_type).toBe(type)
    expect(written(back).architectures).toEqual([ARCHITECTURES[type]])
    expect(readFileSync(join(back, "model.safetensors")).equals(readFileSync(join(folder, "model.safetensors")))).toBe(
      true,
    )
  })
})
