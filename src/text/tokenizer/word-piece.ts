/** BERT's older files, vocab.txt with one token a line, as the tokenizer.json that they mean. */

import { readFileSync } from "node:fs"
import type { Json } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { contentOf } from "./added-tokens.js"

/** Classes of transformers whose vocab.txt is read so. */
const CLASSES = /^(Distil)?(Bert|Electra)Tokenizer(Fast)?$/

const SPECIAL = { unk_token: "[UNK]", sep_token: "[SEP]", pad_token: "[PAD]", cls_token: "[CLS]", mask_token: "[MASK]" }

/**
 * @param path of vocab.txt
 * @param config content of tokenizer_config.json
 * @throws UserError when the tokenizer is of another class, or the vocabulary lacks a token that it needs
 */
export function wordPieceDefinition(path: string, config: Json): Json {
  const { tokenizer_class: kind = "BertTokenizer", do_basic_tokenize: basic = true } = config
  if (!CLASSES.test(String(kind)) || basic !== true)
    throw new UserError("the folder has a vocab.txt that is not BERT's, and no tokenizer.json, which is what is read", {
      where: path,
      fix: "save the tokenizer with transformers (AutoTokenizer, use_fast=True): that writes tokenizer.json",
    })
  const lines = readFileSync(path, "utf8").split(/\r?\n/)
  if (lines.at(-1) === "") lines.pop()
  const vocab = Object.fromEntries(lines.map((token, id) => [token, id]))
  const special = Object.entries(SPECIAL).map(([name, usual]) => contentOf(config[name]) ?? usual)
  const [unknown, separator, , start] = special
  for (const token of [unknown, separator, start])
    if (!Object.hasOwn(vocab, token)) throw new UserError(`the vocabulary has no token ${token}`, { where: path })
  const idOf = (token: string): Json => ({ SpecialToken: { id: token, type_id: 0 } })
  return {
    added_tokens: special
      .filter((content) => Object.hasOwn(vocab, content))
      .map((content) => ({ id: vocab[content], content, special: true, normalized: false })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: config.tokenize_chinese_chars !== false,
      strip_accents: config.strip_accents ?? null,
      lowercase: config.do_lower_case !== false,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [idOf(start), { Sequence: { id: "A", type_id: 0 } }, idOf(separator)],
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: { type: "WordPiece", vocab, unk_token: unknown, continuing_subword_prefix: "##" },
  }
}
