/** Which row of the embedding stands for a mask: one that no text can be. */

import { UserError } from "../errors.js"
import { readable } from "../readable.js"
import { DEFAULT_MASK_TOKEN, type ModelConfig } from "./config.js"

/** The token of an id, or undefined when the tokenizer has none there. */
export type TokenAt = (id: number) => string | undefined

/** A token that is there to be the mask: [MASK], <|mask|>, LLaDA's <|mdm_mask|>; not <mask_region>, nor a word such as "masks". */
const isMaskToken = (token: string): boolean => /^[<[]\|?(mdm_)?mask(_?token)?\|?[>\]]$/i.test(token)

/**
 * The configuration with its mask token: the one that a diffusion model has learned; otherwise the one that config.json
 * names or the usual one, unless it is a token of the text; otherwise the last row of the embedding without a token.
 * @throws UserError when there is no spare row, or the learned mask is a token of the text
 */
export function withMaskToken(config: ModelConfig, tokenAt: TokenAt, where?: string): ModelConfig {
  const { tokens, text, modelType, blockDiffusion } = config
  const isFree = (id: number): boolean => {
    const token = tokenAt(id)
    return token === undefined || isMaskToken(token)
  }
  const named = tokens.mask
  if (named !== undefined && isFree(named)) return config
  if (named !== undefined && modelType === "diffusionvl_qwenvl" && blockDiffusion?.enabled)
    throw new UserError(
      `the model's mask, id ${named}, is the token "${readable(tokenAt(named)!)}" of the tokenizer: what the model learned as a mask would be read as text`,
      { where, fix: "use the tokenizer that the model was trained with, or start from the autoregressive model" },
    )
  const used = new Set(Object.values({ ...tokens, mask: undefined }))
  for (let id = text.vocabSize - 1; id >= 0; id--)
    if (tokenAt(id) === undefined && !used.has(id)) return { ...config, tokens: { ...tokens, mask: id } }
  throw new UserError(
    `the model has no row for a mask: all ${text.vocabSize} rows of its embedding are tokens of the tokenizer, and ${named ?? DEFAULT_MASK_TOKEN} is not free`,
    { where, fix: "add rows to the embedding (transformers: model.resize_token_embeddings) and save the model again" },
  )
}
