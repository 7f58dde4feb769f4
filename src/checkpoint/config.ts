/** What anybody may ask of a model's configuration, of whatever family. Families extend it with their own parts; knows no tensors. */

import { UserError } from "../errors.js"
import type { Json } from "./json.js"
import type { ParadigmRecord } from "./paradigm-record.js"

/** Of the language model, whatever computes it. */
export interface TextConfig {
  hiddenSize: number
  vocabSize: number
  maxPositions: number
  /** The head is the embedding matrix; no lm_head.weight is stored. */
  tie: boolean
}

export interface TokenConfig {
  bos?: number
  /** Ids that end an answer, the one that training appends first; empty where config.json names none. */
  eos: readonly number[]
  pad?: number
  /** What stands for a picture in the text of a prompt, where there is such a token. */
  imagePad?: number
  /** Never written into an answer by diffusion: marks that begin something else. */
  suppress?: readonly number[]
  /** Mask token of diffusion; absent when none is chosen yet. Use `maskToken(config)`. */
  mask?: number
}

export interface ModelConfig {
  /** Name of the architecture: models/registry.ts. */
  family: string
  text: TextConfig
  tokens: TokenConfig
  /** Format of conversations; "template": the model's own chat template. */
  chat: string
  /** Format where `chat` is "template" and the model has none. @default none: the model continues text */
  chatWithoutTemplate?: string
  /**
   * Where the authors' programs for their models decode blocks differently (docs/reference.md, Q13 and Q14): which distribution
   * a drawn token's confidence is of, and whether a single block of everything is cut into steps as a block or as the answer.
   * @default { confidenceFrom: "modified", singleBlockSchedule: "blockSize" }
   */
  decoding?: { confidenceFrom: "modified" | "unmodified"; singleBlockSchedule: "blockSize" | "genLength" }
  /** How the weights were last trained, with its options as the file records them. */
  paradigm: ParadigmRecord
  /** config.json as it was read. */
  raw: Json
}

/**
 * Id of the mask token.
 * @throws UserError when none is chosen
 */
export function maskToken({ tokens, text }: ModelConfig): number {
  if (tokens.mask !== undefined) return tokens.mask
  throw new UserError(`the model has no mask token among its ${text.vocabSize} tokens`, {
    fix: `Set "mask_token_id" in config.json to a spare row of the embedding, or translate the model: that chooses one.`,
  })
}

/**
 * Id of the token that ends an answer.
 * @throws UserError when the configuration names none
 */
export function endToken({ tokens }: ModelConfig): number {
  if (tokens.eos.length > 0) return tokens.eos[0]
  throw new UserError("the model has no token that ends an answer", {
    fix: 'Set "eos_token_id" in config.json, as the tokenizer of the model has it.',
  })
}

/** The same model with more rows in its embedding and head. */
export const withVocabulary = <C extends ModelConfig>(config: C, vocabSize: number): C => ({
  ...config,
  text: { ...config.text, vocabSize },
})
