/** A small config.json of every language-model family, with the options that make it another one. */

const common = {
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 48,
  hidden_act: "silu",
  rms_norm_eps: 1e-6,
  max_position_embeddings: 64,
  bos_token_id: 1,
  eos_token_id: 2,
  mask_token_id: 47,
}
const llama3 = {
  rope_type: "llama3",
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 16,
}
const family = (model_type: string, architecture: string, rest: object): Record<string, unknown> => ({
  model_type,
  architectures: [architecture],
  ...common,
  ...rest,
})

export const SMALL_FAMILIES: Record<string, Record<string, unknown>> = {
  qwen2: family("qwen2", "Qwen2ForCausalLM", {
    rope_theta: 1e6,
    tie_word_embeddings: true,
    use_sliding_window: true,
    sliding_window: 5,
    max_window_layers: 2,
  }),
  qwen3: family("qwen3", "Qwen3ForCausalLM", { head_dim: 8, rope_theta: 1e6, tie_word_embeddings: false }),
  llama: family("llama", "LlamaForCausalLM", {
    rope_theta: 5e5,
    rope_scaling: llama3,
    attention_bias: true,
    mlp_bias: true,
    tie_word_embeddings: false,
  }),
  mistral: family("mistral", "MistralForCausalLM", { head_dim: 8, sliding_window: 6, tie_word_embeddings: false }),
  smollm3: family("smollm3", "SmolLM3ForCausalLM", { rope_theta: 2e6, no_rope_layer_interval: 4, pad_token_id: 0 }),
  llada: family("llada", "LLaDAModelLM", { num_key_value_heads: 4, rope_theta: 5e5, tie_word_embeddings: false }),
}
