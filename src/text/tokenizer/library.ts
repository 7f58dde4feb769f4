/** The parts of @huggingface/tokenizers that are used, with the types that its own declarations lose under NodeNext. */

import * as library from "@huggingface/tokenizers"

/** A model: pieces → tokens. */
export interface Model {
  vocab: (string | undefined)[]
  tokens_to_ids: Map<string, number>
  unk_token_id?: number
  _call(pieces: string[]): string[]
}

interface Step<T> {
  new (config: unknown): T
}

interface Library {
  BPE: Step<Model>
  WordPiece: Step<Model>
  Unigram: new (config: unknown, eos: unknown) => Model & { scores: number[] }
  SplitPreTokenizer: Step<{ pattern: RegExp }>
  PrecompiledNormalizer: Step<{ normalize(text: string): string }>
  BPEDecoder: Step<{ decode_chain(tokens: string[]): string[] }>
  CTCDecoder: Step<{ decode_chain(tokens: string[]): string[] }>
  WordPieceDecoder: Step<{ decode_chain(tokens: string[]): string[] }>
}

export const {
  BPE,
  WordPiece,
  Unigram,
  SplitPreTokenizer,
  PrecompiledNormalizer,
  BPEDecoder,
  CTCDecoder,
  WordPieceDecoder,
} = library as unknown as Library
