/** Which row of the embedding stands for a mask: one that no text can be. */

import { UserError } from "../errors.js"
import { readable } from "../readable.js"
import { type ModelConfig, withVocabulary } from "./config.js"

/** The token of an id, or undefined when the tokenizer has none there. */
export type TokenAt = (id: number) => string | undefined

/** A token that is there to be the mask: [MASK], <|mask|>, LLaDA's <|mdm_mask|>; not <mask_region>, nor a word such as "masks". */
const isMaskToken = (token: string): boolean => /^[<[]\|?(mdm_)?mask(_?token)?\|?[>\]]$/i.test(token)

/**
 * The configuration with its mask token: the one that a diffusion model has learned; otherwise the one that config.json
 * names or the usual one, unless it is a token of the text; otherwise the last row of the embedding without a token.
 * @param grow whether the vocabulary may grow by a token where no row is spare: the weights must then grow with it
 * @param learned whether the model was trained with the mask that it names
 * @throws UserError when there is no row for it, or the learned mask is a token of the text
 */
export function withMaskToken(
  config: ModelConfig,
  tokenAt: TokenAt,
  where?: string,
  { grow = false, learned = false }: { grow?: boolean; learned?: boolean } = {},
): ModelConfig {
  const { tokens, text } = config
  const isFree = (id: number): boolean => {
    const token = tokenAt(id)
    return token === undefined || isMaskToken(token)
  }
  const named = tokens.mask
  if (named !== undefined && isFree(named)) return config
  if (named !== undefined && learned)
    throw new UserError(
      `the model's mask, id ${named}, is the token "${readable(tokenAt(named)!)}" of the tokenizer: what the model learned as a mask would be read as text`,
      { where, fix: "use the tokenizer that the model was trained with, or start from the autoregressive model" },
    )
  const used = new Set(Object.values({ ...tokens, mask: undefined }).flat())
  for (let id = text.vocabSize - 1; id >= 0; id--)
    if (tokenAt(id) === undefined && !used.has(id)) return { ...config, tokens: { ...tokens, mask: id } }
  if (grow) {
    let mask = text.vocabSize
    while (tokenAt(mask) !== undefined || used.has(mask)) mask++
    return { ...withVocabulary(config, mask + 1), tokens: { ...tokens, mask } }
  }
  throw new UserError(
    `the model has no row for a mask: all ${text.vocabSize} rows of its embedding are tokens of the tokenizer`,
    { where, fix: "add rows to the embedding (transformers: model.resize_token_embeddings) and save the model again" },
  )
}
