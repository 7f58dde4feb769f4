/** Names of tensors in GGUF files → names in Hugging Face checkpoints, and the order of rows that llama.cpp changes. */

const OUTSIDE_LAYERS = new Map([
  ["token_embd", "model.embed_tokens"],
  ["output_norm", "model.norm"],
  ["output", "lm_head"],
])
const IN_LAYERS = new Map([
  ["attn_norm", "input_layernorm"],
  ["attn_q", "self_attn.q_proj"],
  ["attn_k", "self_attn.k_proj"],
  ["attn_v", "self_attn.v_proj"],
  ["attn_output", "self_attn.o_proj"],
  ["attn_q_norm", "self_attn.q_norm"],
  ["attn_k_norm", "self_attn.k_norm"],
  ["ffn_norm", "post_attention_layernorm"],
  ["ffn_gate", "mlp.gate_proj"],
  ["ffn_up", "mlp.up_proj"],
  ["ffn_down", "mlp.down_proj"],
])

/** Tensors that are no weights: factors of the rotary frequencies, which the configuration tells (config.ts). */
export const isAuxiliary = (name: string): boolean =>
  name === "rope_freqs.weight" || /^blk\.\d+\.attn_rot_embd(\.weight)?$/.test(name)

/** `blk.0.attn_q.weight` → `model.layers.0.self_attn.q_proj.weight`; undefined for what has no such name. */
export function toHuggingFaceName(name: string): string | undefined {
  const [, layer, part, kind] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(name) ?? []
  const found = (layer === undefined ? OUTSIDE_LAYERS : IN_LAYERS).get(part)
  if (found === undefined) return undefined
  return layer === undefined ? `${found}.${kind}` : `model.layers.${layer}.${found}.${kind}`
}

/**
 * Architectures whose query and key rows llama.cpp stores in pairs: it rotates neighbours (2j, 2j + 1) of a head where
 * Hugging Face rotates (j, j + d/2). Its converter for SmolLM3 is Llama's.
 */
const PERMUTED = new Set(["llama", "smollm3"])

/**
 * Where the rows of Hugging Face's order lie in a permuted GGUF tensor of `heads` heads: row `i` of the result is row
 * `order[i]` of the file.
 */
export function unpermutedRows(heads: number, headWidth: number): Uint32Array {
  const half = headWidth / 2
  const order = new Uint32Array(heads * headWidth)
  for (let row = 0; row < order.length; row++) {
    const inHead = row % headWidth
    order[row] = row - inHead + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1)
  }
  return order
}

/** How many heads the rows of a tensor are of, where llama.cpp has changed their order; else undefined. */
export function permutedHeads(
  architecture: string,
  name: string,
  { heads, keyValueHeads }: { heads: number; keyValueHeads: number },
): number | undefined {
  const projection = PERMUTED.has(architecture) ? /^blk\.\d+\.attn_([qk])\.(weight|bias)$/.exec(name)?.[1] : undefined
  return projection === undefined ? undefined : projection === "q" ? heads : keyValueHeads
}
