/** A model ready to answer: weights, tokenizer, chat format and image preprocessing of one folder, built-in name or hub id. */

import { basename, join } from "node:path"
import { endToken, type ModelConfig } from "../checkpoint/config.js"
import { type GenerationConfig, readGenerationConfig, requireKnownTokens } from "../checkpoint/generation-config.js"
import { withMaskToken } from "../checkpoint/mask-token.js"
import { UserError } from "../errors.js"
import { type ResolveOptions, resolveModel } from "../hub/resolve.js"
import type { ImageProcessor } from "../models/architecture.js"
import { chatFormatOf } from "../models/chat-format.js"
import { imageProcessorOf } from "../models/images.js"
import { type LoadOptions, loadModel } from "../models/load.js"
import { readConfig } from "../models/read-config.js"
import type { LanguageModel } from "../models/types.js"
import { REMASKING_STRATEGIES, type RemaskingStrategy } from "../paradigms/block-diffusion/remasking.js"
import { shown } from "../readable.js"
import type { ChatFormat } from "../text/conversation.js"
import { Tokenizer } from "../text/tokenizer.js"
import type { Device, DType } from "../torch/index.js"

export interface Session {
  /** What the user called the model. */
  name: string
  folder: string
  model: LanguageModel
  config: ModelConfig
  tokenizer: Tokenizer
  /** Makes pictures ready; absent for a model that reads text only. */
  images?: ImageProcessor
  paradigm: "autoregressive" | "block-diffusion"
  /** How conversations are written for it. */
  format: ChatFormat
  /** Ids that end an answer. */
  eos: readonly number[]
  /** How the model wants to be decoded, as its folder says. */
  generation: GenerationConfig
  /** How the model wants its blocks decoded when nothing else is asked for. */
  remasking?: RemaskingDefaults
  dtype: DType
  device: Device
}

/** Of generation_config.json: `remasking_strategy` and `confidence_threshold`, called as the authors call them. */
export interface RemaskingDefaults {
  strategy: RemaskingStrategy
  threshold?: number
}

/** Type to compute in and device, as for `loadModel`. */
export type SessionOptions = Pick<LoadOptions, "dtype" | "device">

/**
 * Finds a model by folder, built-in name or hub id, downloads it if it must, and loads it.
 * @throws UserError when there is no such model or its files are incomplete
 */
export async function openModel(name: string, options: SessionOptions & ResolveOptions = {}): Promise<Session> {
  if (typeof name !== "string" || name.includes("\0"))
    throw new UserError(`${shown(name)} is no name of a model`, {
      fix: "name a folder, a built-in model or a hub id such as org/name",
    })
  const { folder } = await resolveModel(name, options)
  return { ...loadSession(folder, options), name }
}

/** Loads a model folder. */
export function loadSession(folder: string, { dtype, device }: SessionOptions = {}): Session {
  // Before the weights: the quick part fails first.
  const tokenizer = Tokenizer.load(folder)
  const named = readConfig(folder)
  const images = imageProcessorOf(named, folder)
  const format = chatFormatOf(named, folder, tokenizer)
  const loaded = loadModel(folder, { dtype, device })
  const paradigm = paradigmOf(loaded.checkpoint.config, folder)
  const diffusion = paradigm === "block-diffusion"
  const config = diffusion
    ? withMaskToken(loaded.checkpoint.config, (id) => tokenizer.token(id), folder)
    : loaded.checkpoint.config
  const generation = readGenerationConfig(folder, config.raw)
  requireKnownTokens(generation, config.text.vocabSize, folder)
  return {
    name: basename(folder),
    folder,
    model: loaded.model,
    config,
    tokenizer,
    images,
    paradigm,
    format,
    eos: endTokens(generation, config, paradigm),
    generation,
    remasking: diffusion ? remaskingDefaults(generation, folder) : undefined,
    dtype: loaded.dtype,
    device: loaded.device,
  }
}

/** The authors' decoder ends at what config.json names only; the autoregressive model at all its generation config names. */
function endTokens({ values }: GenerationConfig, config: ModelConfig, paradigm: Session["paradigm"]): number[] {
  // Decoding in blocks must end somewhere: an error when none is named.
  if (paradigm === "block-diffusion") return [...new Set([endToken(config), ...config.tokens.eos])]
  return values.eos_token_id !== undefined ? [values.eos_token_id].flat() : [...config.tokens.eos]
}

function paradigmOf({ paradigm }: ModelConfig, folder: string): Session["paradigm"] {
  const { name } = paradigm
  if (name === "autoregressive" || name === "block-diffusion") return name
  throw new UserError(`the model was trained by ${name}, which has no decoder yet`, { where: folder })
}

function remaskingDefaults({ values }: GenerationConfig, folder: string): RemaskingDefaults | undefined {
  const { remasking_strategy: named, confidence_threshold: threshold } = values
  const strategy = REMASKING_STRATEGIES.find((strategy) => strategy === named)
  if (named !== undefined && !strategy)
    throw new UserError(`unknown remasking_strategy ${shown(named)}`, {
      where: join(folder, "generation_config.json"),
      fix: `it can be ${REMASKING_STRATEGIES.join(", ")}`,
    })
  if (strategy === "low_confidence_static") return { strategy }
  return strategy || threshold !== undefined ? { strategy: strategy ?? "low_confidence_dynamic", threshold } : undefined
}
