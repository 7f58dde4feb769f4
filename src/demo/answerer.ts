/** A trained demo model as something that answers questions about pictures, in any way of decoding. */

import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { maskToken } from "../checkpoint/config.js"
import { readJsonObject } from "../checkpoint/read-config.js"
import { conversationOf } from "../data/llava.js"
import { decodeImage } from "../image/decode.js"
import { qwenImage, qwenImageOptions } from "../image/qwen.js"
import { loadModel } from "../models/load.js"
import { mropePositions } from "../models/mrope-positions.js"
import { decodeAutoregressive } from "../paradigms/autoregressive/decoder.js"
import { autoregressiveLikelihoods } from "../paradigms/autoregressive/likelihood.js"
import { decodeBlocks } from "../paradigms/block-diffusion/decoder.js"
import { blockLikelihoods } from "../paradigms/block-diffusion/likelihood.js"
import type { DecodeDone, DecodeEvent } from "../paradigms/decode-events.js"
import type { Prompt } from "../paradigms/prompt.js"
import { encodePrompt } from "../text/conversation.js"
import { layOut } from "../text/layout.js"
import { Tokenizer } from "../text/tokenizer.js"
import { noGrad } from "../torch/index.js"
import type { EmojiRecord } from "./data/records.js"
import type { Answer, Answerer } from "./evaluate.js"

/** How block diffusion decodes; without a threshold the number of steps is fixed. */
export interface Decoding {
  blockSize: number
  steps: number
  threshold?: number
}

const MAXIMUM_TOKENS = 64

export class DemoAnswerer implements Answerer {
  readonly #loaded
  readonly #imageOptions
  readonly #root: string
  readonly tokenizer: Tokenizer
  decoding: Decoding | undefined

  /**
   * @param folder of the model
   * @param dataFile the questions; pictures are relative to it
   * @param decoding for block-diffusion models
   */
  constructor(folder: string, dataFile: string, decoding?: Decoding) {
    this.#loaded = loadModel(folder, { dtype: "float32", device: "cpu" })
    this.tokenizer = Tokenizer.load(folder)
    const file = join(folder, "preprocessor_config.json")
    this.#imageOptions = qwenImageOptions(
      existsSync(file) ? readJsonObject(file) : {},
      this.#loaded.checkpoint.config.image,
    )
    this.#root = dirname(dataFile)
    this.decoding = decoding
  }

  async #prompt(record: EmojiRecord): Promise<Prompt> {
    const { model, checkpoint } = this.#loaded
    const diffusion = checkpoint.config.modelType === "diffusionvl_qwenvl"
    const image = qwenImage(await decodeImage(join(this.#root, record.image)), this.#imageOptions)
    const features = noGrad(() => model.encodeImages([image]))
    const messages = conversationOf([record.conversations[0]], true)
    const ids = encodePrompt(messages, this.tokenizer, diffusion ? "qwen_2_5" : "qwen2_5_vl")
    const layout = layOut({ ids, labels: new Int32Array(ids.length) }, [features[0].shape[0]])
    const positions = diffusion ? undefined : mropePositions(ids, [image.grid], checkpoint.config.vision.mergeSize)
    return { ids: layout.ids, features, positions }
  }

  /** The decoder's events, for showing how an answer comes about. */
  async *events(record: EmojiRecord): AsyncGenerator<DecodeEvent> {
    const { model, checkpoint } = this.#loaded
    const { config } = checkpoint
    const eos = [config.tokens.eos]
    const prompt = await this.#prompt(record)
    if (!this.decoding) {
      yield* decodeAutoregressive(model, prompt, { eos, genLength: MAXIMUM_TOKENS })
      return
    }
    const { blockSize, steps, threshold } = this.decoding
    const dynamic = threshold === undefined ? {} : { strategy: "low_confidence_dynamic" as const, threshold }
    const shift = config.blockDiffusion?.shift
    yield* decodeBlocks(model, prompt, {
      maskToken: maskToken(config),
      eos,
      blockSize,
      steps,
      shift,
      genLength: MAXIMUM_TOKENS,
      ...dynamic,
    })
  }

  async answer(record: EmojiRecord): Promise<Answer> {
    let done: DecodeDone | undefined
    for await (const event of this.events(record)) if (event.type === "done") done = event
    if (!done) throw new Error("decoding ended without a result")
    const { stats, ids, eosIndex } = done
    const tokens = eosIndex === undefined ? stats.tokens : stats.tokens + 1
    return {
      text: this.tokenizer.decode(ids.slice(0, eosIndex)),
      tokens,
      forwards: stats.forwardsToEnd,
      seconds: stats.milliseconds / 1000,
    }
  }

  async scores(record: EmojiRecord, options: readonly string[]): Promise<number[]> {
    const { model, checkpoint } = this.#loaded
    const { config } = checkpoint
    const prompt = await this.#prompt(record)
    const answers = options.map((option) => Int32Array.from([...this.tokenizer.encode(option), config.tokens.eos]))
    if (!this.decoding) return autoregressiveLikelihoods(model, prompt, answers)
    const { blockSize } = this.decoding
    return blockLikelihoods(model, prompt, answers, {
      blockSize,
      maskToken: maskToken(config),
      shift: config.blockDiffusion?.shift,
    })
  }
}
