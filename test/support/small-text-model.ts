/** A random Llama of a few thousand weights whose prompts come from its chat template: as a folder, and as a GGUF file. */

import { copyFileSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { trainTokenizer } from "../../examples/emoji/bpe.js"
import { unpermutedRows } from "../../src/checkpoint/gguf/names.js"
import { normaliseConfig } from "../../src/models/read-config.js"
import { initialiseWeights } from "../../src/models/registry.js"
import { saveModel } from "../../src/models/save.js"
import type { Tensor } from "../../src/torch/index.js"
import { floats, ggufBytes, numbers, type TensorPart, texts } from "./gguf.js"
import { toGgufName } from "./gguf-names.js"

export const TEMPLATE =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

const SHAPE = { hidden: 32, inner: 48, layers: 2, heads: 4, keyValueHeads: 2, width: 8, context: 256 }
const THETA = 10_000
const EPSILON = 1e-6

export interface SmallTextModel {
  folder: string
  gguf: string
  /** Two conversations without pictures. */
  data: string
  /** Rows of the embedding: every one is a token. */
  vocabulary: number
  /** <|im_end|>. */
  end: number
}

/** @param template null for a model that has none */
export async function writeSmallTextModel(root: string, template: string | null = TEMPLATE): Promise<SmallTextModel> {
  const [folder, data] = [join(root, "small-llama"), join(root, "data.json")]
  const { definition, ids } = trainTokenizer(["What colour is this?", "All of it is green.", "hello, zebra"], 280)
  const { model, added_tokens } = definition as unknown as Definition
  const vocabulary = Object.keys(model.vocab).length + added_tokens.length
  const [end, pad] = [ids["<|im_end|>"], ids["<|endoftext|>"]]
  const config = normaliseConfig({
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    hidden_size: SHAPE.hidden,
    intermediate_size: SHAPE.inner,
    num_hidden_layers: SHAPE.layers,
    num_attention_heads: SHAPE.heads,
    num_key_value_heads: SHAPE.keyValueHeads,
    head_dim: SHAPE.width,
    hidden_act: "silu",
    rms_norm_eps: EPSILON,
    rope_theta: THETA,
    max_position_embeddings: SHAPE.context,
    vocab_size: vocabulary,
    tie_word_embeddings: false,
    eos_token_id: end,
    pad_token_id: pad,
  })
  const parameters = initialiseWeights(config, 5, { std: 0.35, embeddingStd: 1 })
  await saveModel(folder, { config, parameters })
  const marks = { bos_token: null, eos_token: "<|im_end|>", pad_token: "<|endoftext|>" }
  const write = (name: string, value: unknown): void => writeFileSync(join(folder, name), JSON.stringify(value))
  write("tokenizer.json", definition)
  write("tokenizer_config.json", { ...marks, ...(template !== null && { chat_template: template }) })
  const gguf = join(root, "alone", "small-llama.gguf")
  mkdirSync(join(root, "alone"))
  writeFileSync(
    gguf,
    ggufBytes({
      metadata: {
        ...shapeMetadata(),
        ...tokenizerMetadata({ model, added_tokens }),
        "tokenizer.ggml.eos_token_id": ["u32", end],
        "tokenizer.ggml.padding_token_id": ["u32", pad],
        ...(template !== null && { "tokenizer.chat_template": ["string", template] as const }),
      },
      tensors: [...parameters].map(([name, weight]) => ggufTensor(name, weight)),
    }),
  )
  const turns = (...texts: string[]): object => ({
    conversations: texts.map((value, i) => ({ from: i % 2 === 0 ? "human" : "gpt", value })),
  })
  writeFileSync(
    data,
    JSON.stringify([turns("What colour is this?", "green", "And this?", "blue"), turns("Say hello.", "hello, zebra")]),
  )
  return { folder, gguf, data, vocabulary, end }
}

interface Definition {
  model: { vocab: Record<string, number>; merges: string[] }
  added_tokens: { content: string }[]
}

const shapeMetadata = () =>
  ({
    "general.architecture": ["string", "llama"],
    "llama.context_length": ["u32", SHAPE.context],
    "llama.embedding_length": ["u32", SHAPE.hidden],
    "llama.block_count": ["u32", SHAPE.layers],
    "llama.feed_forward_length": ["u32", SHAPE.inner],
    "llama.attention.head_count": ["u32", SHAPE.heads],
    "llama.attention.head_count_kv": ["u32", SHAPE.keyValueHeads],
    "llama.attention.layer_norm_rms_epsilon": ["f32", EPSILON],
    "llama.rope.freq_base": ["f32", THETA],
  }) as const

/** In the order of their ids: JavaScript has keys such as "1" first. */
const wordsOf = ({ vocab }: Definition["model"]): string[] => Object.keys(vocab).sort((a, b) => vocab[a] - vocab[b])

const tokenizerMetadata = ({ model, added_tokens }: Definition) =>
  ({
    "tokenizer.ggml.model": ["string", "gpt2"],
    "tokenizer.ggml.pre": ["string", "qwen2"],
    "tokenizer.ggml.tokens": texts([...wordsOf(model), ...added_tokens.map(({ content }) => content)]),
    "tokenizer.ggml.token_type": numbers("i32", [...wordsOf(model).map(() => 1), ...added_tokens.map(() => 3)]),
    "tokenizer.ggml.merges": texts(model.merges),
    "tokenizer.ggml.add_bos_token": ["bool", false],
  }) as const

/** Queries and keys lie in llama.cpp's order. */
function ggufTensor(name: string, weight: Tensor): TensorPart {
  const [rows, columns = 1] = weight.shape
  const values = weight.toArray() as Float32Array
  const written = Float32Array.from(values)
  const heads = /q_proj/.test(name) ? SHAPE.heads : /k_proj/.test(name) ? SHAPE.keyValueHeads : 0
  for (const [ours, theirs] of unpermutedRows(heads, SHAPE.width).entries())
    written.set(values.subarray(ours * columns, (ours + 1) * columns), theirs * columns)
  return floats(toGgufName(name), weight.rank === 1 ? [rows] : [rows, columns], written)
}

/** Another family with random weights, and the words of such a model. */
export async function writeSmallLanguage(folder: string, words: SmallTextModel, json: object): Promise<string> {
  const config = normaliseConfig({ ...json, vocab_size: words.vocabulary })
  await saveModel(folder, { config, parameters: initialiseWeights(config, 3, { std: 0.35, embeddingStd: 1 }) })
  for (const name of ["tokenizer.json", "tokenizer_config.json"])
    copyFileSync(join(words.folder, name), join(folder, name))
  return folder
}
