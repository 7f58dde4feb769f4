/** What people may ask of a decoder. A paradigm says which of the options that not all have are its own. */

import type { AnswerFormat } from "../grammar/format.js"
import type { WarperOptions } from "./autoregressive/warpers.js"
import type { TokenShift } from "./block-diffusion/needed-positions.js"
import type { RemaskingStrategy } from "./block-diffusion/remasking.js"
import type { FullRemasking } from "./full-diffusion/remasking.js"
import type { SamplingOptions } from "./sampling.js"

/** Tokens of an answer when nobody says. */
export const MAX_TOKENS = 128

/**
 * Everything left out is as the model's generation_config.json wants it: for an autoregressive model as transformers'
 * `generate()` reads that file, for block diffusion `remasking_strategy` and `confidence_threshold`.
 */
export interface DecodingOptions extends SamplingOptions, WarperOptions {
  /**
   * The paradigm that decodes, whatever the model was trained in: autoregressive, block-diffusion or full-diffusion. What the
   * model was not trained for it does less well; the report says so.
   * @default the one that it was trained in
   */
  mode?: string
  /**
   * Whose the request is: what is kept of prompts, pictures and formats is found only by requests of the same salt, so that no time
   * tells what others asked.
   */
  cacheSalt?: string
  /** Tokens to generate at most. @default the model's, else 128 */
  maxTokens?: number
  /** Seed of the sampling, used when the temperature is not 0. @default 0 */
  seed?: number
  /** false: as if the model had no generation_config.json; its end tokens stay. @default true */
  generationConfig?: boolean
  /**
   * What the answer must be: JSON that satisfies a schema, any JSON object, or a text that a pattern matches. Tokens are chosen, and how
   * sure the model is of them is told, among those that leave such an answer within `maxTokens` (docs/guide/structured-output.md).
   */
  format?: AnswerFormat
  // Autoregressive models only, beside what only sampling looks at (minP and what follows):
  /** Makes tokens that occur already, in the prompt too, less likely (above 1) or more likely (below). @default 1 */
  repetitionPenalty?: number
  /** No sequence of this many tokens occurs twice, prompt included; 0: no limit. @default 0 */
  noRepeatNgramSize?: number
  /** The answer does not end before this many tokens. @default 0 */
  minTokens?: number
  // Diffusion only:
  /** @default the block size the model was trained with; full diffusion: one block of the whole answer */
  blockSize?: number
  /** Denoising steps per block. @default the block size: one token each */
  steps?: number
  /**
   * Which masked tokens a step makes final: of block diffusion low_confidence_static, low_confidence_dynamic or
   * sequential_dynamic; of full diffusion low_confidence or random.
   * @default full diffusion: "low_confidence"; block diffusion: what the model's generation_config.json says, unless `steps` are given; else "low_confidence_dynamic" when a
   * threshold is given, else "low_confidence_static"
   */
  strategy?: RemaskingStrategy | FullRemasking
  /**
   * Block diffusion: confidence, 0 to 1, above which a token becomes final at once. Full diffusion: as many tokens become
   * final as are sure enough together; the larger, the more. @default block diffusion: the model's, else 0.85, with a dynamic
   * strategy
   */
  threshold?: number
  /** Which row predicts a token. @default as the model was trained */
  shift?: TokenShift
  /** The authors' loop, forward for forward. */
  reference?: boolean
  // Block diffusion only:
  /** Finished blocks are not seen by later ones, as in the authors' program for LLaDA (docs/reference.md, Q7). */
  dropCache?: boolean
  // Full diffusion only:
  /** Scale of classifier-free guidance: the answer without the prompt is predicted too, and moved away from. @default 0 */
  guidance?: number
  /** What lies before the block is computed anew every so many steps of it only: faster, and no longer exact. @default 1 */
  prefixRefresh?: number
  /** The answer ends before the first of these texts, special tokens as they are written. */
  stop?: readonly string[]
}
