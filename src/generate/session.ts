/** A model ready to answer: weights, tokenizer, chat format and image preprocessing of one folder, built-in name or hub id. */

import { basename } from "node:path"
import { readGenerationConfig, requireKnownTokens } from "../checkpoint/generation-config.js"
import { UserError } from "../errors.js"
import type { PrefixCacheOptions } from "../execution/cache-limits.js"
import { Executor } from "../execution/executor.js"
import type { ResolveOptions } from "../hub/resolve.js"
import { modelFolders } from "../models/adapters/adapter-folders.js"
import { requireBaseOfAdapter, resolveWithBase } from "../models/adapters/base-model.js"
import { readAdapted } from "../models/adapters/read-adapter.js"
import type { ImageProcessor } from "../models/architecture.js"
import { chatFormatOf } from "../models/chat-format.js"
import { type LoadOptions, loadModel } from "../models/load.js"
import { readConfig } from "../models/read-config.js"
import { requireConfigTokens } from "../models/token-ids.js"
import type { LanguageModel } from "../models/types.js"
import { imageProcessorOf } from "../models/vision/images.js"
import type { OpenedModel } from "../paradigms/paradigm.js"
import { type AnyParadigm, paradigmOf } from "../paradigms/registry.js"
import { withMask } from "../paradigms/translate.js"
import { shown } from "../readable.js"
import type { ChatFormat } from "../text/conversation.js"
import { Tokenizer } from "../text/tokenizer/tokenizer.js"
import type { Device, DType } from "../torch/index.js"

export interface Session extends OpenedModel {
  /** What the user called the model. */
  name: string
  /** Of an adapter: the model that it belongs to. */
  base?: string
  model: LanguageModel
  tokenizer: Tokenizer
  /** Makes pictures ready; absent for a model that reads text only. */
  images?: ImageProcessor
  /** How the model is decoded: as it was trained, unless another mode is asked for. */
  paradigm: AnyParadigm
  /** The paradigm that the model was trained in, where it is decoded in another. */
  trainedIn?: AnyParadigm
  /** Computes for all answers of the session, one forward at a time. */
  executor: Executor
  /** How conversations are written for it. */
  format: ChatFormat
  dtype: DType
  device: Device
}

/** All of it but its weights: enough to know how it will decode. */
export type Unloaded = Omit<Session, "model" | "executor">

/** Type to compute in, device, and the base of an adapter, as for `loadModel`. */
export interface SessionOptions extends Pick<LoadOptions, "dtype" | "device" | "base"> {
  /** What the session keeps of requests for later ones. */
  prefixCache?: PrefixCacheOptions
}

/**
 * Finds a model by folder, built-in name or hub id, downloads it if it must, and loads it. Of an adapter the same goes for the model that it belongs
 * to, which `base` may name.
 * @throws UserError when there is no such model or its files are incomplete
 */
export async function openModel(name: string, options: SessionOptions & ResolveOptions = {}): Promise<Session> {
  if (typeof name !== "string" || name.includes("\0"))
    throw new UserError(`${shown(name)} is no name of a model`, {
      fix: "name a folder, a built-in model or a hub id such as org/name",
    })
  const { folder, base } = await resolveWithBase(name, options)
  return { ...loadSession(folder, { ...options, base }), name }
}

/** What a model's files say, its weights left aside: enough to check what will be asked of it. */
export type ModelFiles = Omit<Unloaded, "name" | "base" | "eos" | "dtype" | "device">

/**
 * Reads a model folder, or an adapter's with its base, without its weights.
 * @throws UserError for files that cannot be right
 */
export function readModelFiles(folder: string, given?: string): ModelFiles & { base?: string } {
  requireBaseOfAdapter(folder, given)
  const { base, texts, pictures, generation } = modelFolders(folder, given)
  const tokenizer = Tokenizer.load(texts)
  const config = base === undefined ? readConfig(folder) : readAdapted(folder, base).checkpoint.config
  requireConfigTokens(config, tokenizer, folder)
  return {
    folder,
    base,
    config,
    tokenizer,
    images: imageProcessorOf(config, pictures),
    format: chatFormatOf(config, texts, tokenizer),
    generation: readGenerationConfig(generation, config.raw),
    paradigm: paradigmOf(config, folder),
  }
}

/** Loads a model folder, or an adapter's with its base. */
export function loadSession(folder: string, { dtype, device, base: given, prefixCache }: SessionOptions = {}): Session {
  // Before the weights: the quick part fails first.
  const { base, tokenizer, images, format, generation } = readModelFiles(folder, given)
  const loaded = loadModel(folder, { dtype, device, ...(base !== undefined && { base }) })
  const paradigm = paradigmOf(loaded.checkpoint.config, folder)
  const config = paradigm.masks
    ? withMask(loaded.checkpoint.config, (id) => tokenizer.token(id), folder)
    : loaded.checkpoint.config
  requireKnownTokens(generation, config.text.vocabSize, folder)
  const opened = { folder, config, generation, tokenizer }
  paradigm.checkGeneration?.(opened)
  return {
    ...opened,
    name: basename(folder),
    ...(base !== undefined && { base }),
    model: loaded.model,
    images,
    paradigm,
    executor: new Executor(loaded.model, { prefixCache }),
    format,
    eos: paradigm.ends(opened),
    dtype: loaded.dtype,
    device: loaded.device,
  }
}
