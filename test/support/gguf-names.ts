/** Names in Hugging Face checkpoints → names of tensors in GGUF files, as llama.cpp's converter gives them. */

const OUTSIDE: Record<string, string> = {
  "model.embed_tokens": "token_embd",
  "model.norm": "output_norm",
  lm_head: "output",
}
const INSIDE: Record<string, string> = {
  input_layernorm: "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "self_attn.q_norm": "attn_q_norm",
  "self_attn.k_norm": "attn_k_norm",
  post_attention_layernorm: "ffn_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
}

/** `model.layers.0.self_attn.q_proj.weight` → `blk.0.attn_q.weight` */
export function toGgufName(name: string): string {
  const [, layer, module, kind] = /^(?:model\.layers\.(\d+)\.)?([\w.]+)\.(weight|bias)$/.exec(name) ?? []
  const found = layer === undefined ? OUTSIDE[module] : INSIDE[module]
  if (found === undefined) throw new Error(`${name} has no name in GGUF`)
  return layer === undefined ? `${found}.${kind}` : `blk.${layer}.${found}.${kind}`
}
