/** From the format that is asked for to one over the tokens of a model, kept for the next answer. */

import { UserError } from "../errors.js"
import { type AnswerFormat, compileFormat, formatKey } from "../grammar/format.js"
import { TokenAutomaton, type TokenPieces, Vocabulary } from "../grammar/token-automaton.js"
import type { Work } from "../in-turns.js"
import { Kept } from "../kept.js"
import type { Tokenizer } from "../text/tokenizer/tokenizer.js"
import type { Constraint } from "./constraint.js"
import type { DecodingReport } from "./decoding-report.js"
import type { OpenedModel } from "./paradigm.js"

/** Bytes of memory for the formats of a model, with what was found out about them: the same is mostly asked for again. */
const KEPT = 128 * 2 ** 20
/** Tokens that are counted exactly, also where fewer may be generated. */
const COUNTED = 1000

/** What a tokenizer's formats share. */
interface Known {
  vocabulary: Vocabulary
  automata: Kept<TokenAutomaton>
}

/** By what the vocabulary leaves out: modes of one model may end in other tokens. */
const known = new WeakMap<object, Map<string, Known>>()

export interface ConstraintOptions {
  /** Only what was made for the same is used again. */
  cacheSalt?: string
  /** Is told of the format. */
  report: DecodingReport
  /** Tokens that are never taken. */
  suppress?: readonly number[]
}

/**
 * A format over the tokens of a model, for the settings of a paradigm.
 * @returns undefined where no format is asked for
 * @throws UserError when no answer of the format fits into so many tokens
 */
export function constraintOf(
  model: OpenedModel,
  format: AnswerFormat | undefined,
  genLength: number,
  { report, suppress = [], cacheSalt = "" }: ConstraintOptions,
): Constraint | undefined {
  if (format === undefined) return undefined
  const { vocabSize } = model.config.text
  const ends = model.eos.filter((id) => id < vocabSize && !suppress.includes(id)).sort((a, b) => a - b)
  if (ends.length === 0)
    throw new UserError("the model has no token that ends an answer, and so cannot be held to a format", {
      where: model.folder,
      fix: "name one in config.json (eos_token_id)",
    })
  const { vocabulary, automata } = vocabularyOf(model, suppress)
  const key = `${cacheSalt} ${formatKey(format)}`
  const tokens = automata.get(key) ?? new TokenAutomaton(compileFormat(format), vocabulary)
  const least = tokens.least(tokens.start)
  // The exact number takes going through the shortest answer, however long that is.
  const isFar = least > Math.max(genLength, COUNTED)
  const needed = isFar ? least : tokens.completion(tokens.start)
  if (needed === Number.POSITIVE_INFINITY)
    throw new UserError("the model has no tokens for what the format asks for", {
      where: model.folder,
      fix: "ask for a format of other characters, or use another model",
    })
  if (needed > genLength)
    throw new UserError(
      `the shortest answer of this format takes ${isFar ? "at least " : ""}${needed} tokens, and ${genLength} may be generated`,
      { fix: `ask for more tokens (--max-tokens${isFar ? "" : ` ${needed}`}), or for less` },
    )
  // What is refused is not worth keeping.
  automata.set(key, tokens)
  report.choose("format", [["option", format.type]])
  return { tokens, ends: { ids: Int32Array.from(ends) } }
}

/** Of special tokens and ends, and of ids that the model does not know, nothing is ever text. */
function vocabularyOf({ tokenizer, config, eos }: OpenedModel, suppress: readonly number[]): Known {
  const { vocabSize } = config.text
  const { mask } = config.tokens
  const without = new Set([...eos, ...suppress, ...(mask === undefined ? [] : [mask])])
  const excluded = `${vocabSize} ${[...without].sort((a, b) => a - b).join(" ")}`
  const all = known.get(tokenizer) ?? new Map<string, Known>()
  known.set(tokenizer, all)
  const last = all.get(excluded)
  if (last) return last
  const whole = vocabularies.get(tokenizer) ?? new Vocabulary(tokenizer.tokenBytes())
  vocabularies.set(tokenizer, whole)
  const made = {
    vocabulary: whole.without((id) => id >= vocabSize || without.has(id)),
    automata: new Kept<TokenAutomaton>(KEPT, ({ size }) => size),
  }
  all.set(excluded, made)
  return made
}

/** All tokens of tokenizers, before anything is left out. */
const vocabularies = new WeakMap<object, Vocabulary>()

/**
 * Makes ready what the first format would have to wait for, as work in pieces. Nothing where no format can be asked for.
 * @param tokenizer of the model
 */
export function* prepareFormats(tokenizer: Pick<Tokenizer, "tokenBytesInPieces">): Work<void> {
  let pieces: TokenPieces
  try {
    pieces = yield* tokenizer.tokenBytesInPieces()
  } catch (error) {
    // It is told to whoever asks for a format.
    if (error instanceof UserError) return
    throw error
  }
  const made = yield* Vocabulary.make(pieces)
  if (!vocabularies.has(tokenizer)) vocabularies.set(tokenizer, made)
}
