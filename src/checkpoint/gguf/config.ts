/** Metadata of a GGUF file → what a Hugging Face config.json of the same model says. */
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import type { Json } from "../json.js"
import { Fields } from "./fields.js"
import type { GgufFile } from "./file.js"
import { ropeScalingOf } from "./rope-scaling.js"

/** Model types by the same name in both worlds, and the class that config.json names. */
const ARCHITECTURES: Record<string, string> = {
  llama: "LlamaForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
  smollm3: "SmolLM3ForCausalLM",
}

/** llama.cpp has it in its code: no file says it. */
const SMOLLM3_NO_ROPE_INTERVAL = 4
const DEFAULT_THETA = 10_000

/**
 * The architecture of a file.
 * @throws UserError naming it and those that are known, where it is none of them
 */
export function architectureOf(file: GgufFile): string {
  const name = new Fields(file).text("general.architecture")
  if (name !== undefined && Object.hasOwn(ARCHITECTURES, name)) return name
  throw new UserError(
    `the architecture ${name === undefined ? "is not named" : `${shown(name)} is not supported`}; supported are ${Object.keys(ARCHITECTURES).join(", ")}`,
    { where: file.path, fix: "use a model of one of these families" },
  )
}

/**
 * Everything that the file says about the model's shape, under the names of Hugging Face.
 * @throws UserError naming the key that is missing, has the wrong kind of value, or asks for what is not supported
 */
export function configOf(file: GgufFile): Json {
  const architecture = architectureOf(file)
  const fields = new Fields(file)
  const key = (name: string) => `${architecture}.${name}`
  if ((fields.optionalNumber(key("expert_count")) ?? 0) > 0)
    throw fields.fail(key("expert_count"), "says that it is a mixture of experts, which is not supported")
  const hidden = fields.size(key("embedding_length"))
  const layers = fields.size(key("block_count"))
  if (layers > file.tensors.size)
    throw fields.fail(key("block_count"), `says ${layers} layers; the file has only ${file.tensors.size} tensors`)
  const heads = fields.size(key("attention.head_count"))
  const context = fields.size(key("context_length"))
  const theta = fields.optionalNumber(key("rope.freq_base")) ?? DEFAULT_THETA
  const vocabulary = vocabularyOf(file)
  const headWidth = headWidthOf(file, fields, key, heads)
  const optional = (name: string, value: unknown): Json => (value === undefined ? {} : { [name]: value })
  const token = (name: string, ours = name) => optional(`${ours}_token_id`, fields.token(name, vocabulary))
  return {
    architectures: [ARCHITECTURES[architecture]],
    model_type: architecture,
    hidden_size: hidden,
    intermediate_size: fields.size(key("feed_forward_length")),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads:
      fields.optionalNumber(key("attention.head_count_kv")) === undefined
        ? heads
        : fields.size(key("attention.head_count_kv")),
    head_dim: headWidth,
    hidden_act: "silu",
    rms_norm_eps: fields.number(key("attention.layer_norm_rms_epsilon")),
    rope_theta: theta,
    ...optional("rope_scaling", ropeScalingOf(file, fields, architecture, { theta, headWidth, context })),
    max_position_embeddings: context,
    vocab_size: vocabulary,
    tie_word_embeddings: !file.tensors.has("output.weight"),
    ...biases(file, architecture),
    ...(architecture === "smollm3" && smollm3Layers(layers)),
    ...token("bos"),
    ...optional("eos_token_id", endsOf(fields, vocabulary)),
    ...token("padding", "pad"),
    ...token("mask"),
  }
}

/** Where it names the end of a turn beside that of a text, answers end at both; the first is what training appends. */
function endsOf(fields: Fields, vocabulary: number): number | number[] | undefined {
  const ids = ["eos", "eot"].flatMap((name) => fields.token(name, vocabulary) ?? [])
  const ends = [...new Set(ids)]
  return ends.length > 1 ? ends : ends[0]
}

/** Rows of the embedding: `vocab_size` is missing in many files, and their list of tokens may be shorter. */
function vocabularyOf(file: GgufFile): number {
  const embedding = file.tensors.get("token_embd.weight")
  if (embedding?.shape.length === 2) return embedding.shape[0]
  throw new UserError(embedding ? "tensor token_embd.weight is no matrix" : "it has no tensor token_embd.weight", {
    where: file.path,
    fix: "use the file with the weights, or download it again",
  })
}

function headWidthOf(file: GgufFile, fields: Fields, key: (name: string) => string, heads: number): number {
  const rows = file.tensors.get("blk.0.attn_q.weight")?.shape[0]
  const width =
    fields.optionalNumber(key("attention.key_length")) ?? (rows ?? fields.size(key("embedding_length"))) / heads
  if (!Number.isSafeInteger(width) || width < 2 || width % 2 !== 0)
    throw new UserError(`its ${heads} heads have ${width} values each, which is no even number`, { where: file.path })
  for (const name of ["attention.value_length", "rope.dimension_count"]) {
    const other = fields.optionalNumber(key(name)) ?? width
    if (other !== width) throw fields.fail(key(name), `is ${other}; only ${width}, the width of a head, is supported`)
  }
  return width
}

/** Qwen2 always has biases, and its configuration no word for them. */
function biases(file: GgufFile, architecture: string): Json {
  if (architecture === "qwen2") return {}
  const attention = file.tensors.has("blk.0.attn_q.bias")
  return {
    attention_bias: attention,
    ...(architecture !== "qwen3" && { mlp_bias: file.tensors.has("blk.0.ffn_gate.bias") }),
  }
}

/** 1 for layers that rotate, 0 for those that know no positions, as transformers writes it. */
const smollm3Layers = (layers: number): Json => ({
  no_rope_layers: Array.from({ length: layers }, (_, i) => ((i + 1) % SMOLLM3_NO_ROPE_INTERVAL === 0 ? 0 : 1)),
  no_rope_layer_interval: SMOLLM3_NO_ROPE_INTERVAL,
})
