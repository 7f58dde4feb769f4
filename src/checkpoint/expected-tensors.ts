/** Every tensor a Qwen2.5-VL model must have, by canonical name, with its shape. */
import type { ModelConfig } from "./config.js"

export const VISION_PREFIX = "model.vision_tower.vision_tower."
export const MERGER_PREFIX = "model.mm_projector.merger."

/** Canonical name -> shape, in the order of the forward pass. Tied models have no lm_head.weight. */
export function expectedTensors(config: ModelConfig): Map<string, number[]> {
  const { text, vision } = config
  const shapes = new Map<string, number[]>()
  const linear = (name: string, outputs: number, inputs: number, bias: boolean) => {
    shapes.set(`${name}.weight`, [outputs, inputs])
    if (bias) shapes.set(`${name}.bias`, [outputs])
  }

  const queries = text.heads * text.headDim
  const keys = text.kvHeads * text.headDim
  shapes.set("model.embed_tokens.weight", [text.vocabSize, text.hiddenSize])
  for (let i = 0; i < text.layers; i++) {
    const layer = `model.layers.${i}`
    shapes.set(`${layer}.input_layernorm.weight`, [text.hiddenSize])
    linear(`${layer}.self_attn.q_proj`, queries, text.hiddenSize, true)
    linear(`${layer}.self_attn.k_proj`, keys, text.hiddenSize, true)
    linear(`${layer}.self_attn.v_proj`, keys, text.hiddenSize, true)
    linear(`${layer}.self_attn.o_proj`, text.hiddenSize, queries, false)
    shapes.set(`${layer}.post_attention_layernorm.weight`, [text.hiddenSize])
    linear(`${layer}.mlp.gate_proj`, text.intermediateSize, text.hiddenSize, false)
    linear(`${layer}.mlp.up_proj`, text.intermediateSize, text.hiddenSize, false)
    linear(`${layer}.mlp.down_proj`, text.hiddenSize, text.intermediateSize, false)
  }
  shapes.set("model.norm.weight", [text.hiddenSize])
  if (!text.tie) shapes.set("lm_head.weight", [text.vocabSize, text.hiddenSize])

  const { patchSize, temporalPatchSize, inChannels } = vision
  shapes.set(`${VISION_PREFIX}patch_embed.proj.weight`, [
    vision.hiddenSize,
    inChannels,
    temporalPatchSize,
    patchSize,
    patchSize,
  ])
  for (let j = 0; j < vision.depth; j++) {
    const block = `${VISION_PREFIX}blocks.${j}`
    shapes.set(`${block}.norm1.weight`, [vision.hiddenSize])
    linear(`${block}.attn.qkv`, 3 * vision.hiddenSize, vision.hiddenSize, true)
    linear(`${block}.attn.proj`, vision.hiddenSize, vision.hiddenSize, true)
    shapes.set(`${block}.norm2.weight`, [vision.hiddenSize])
    linear(`${block}.mlp.gate_proj`, vision.intermediateSize, vision.hiddenSize, true)
    linear(`${block}.mlp.up_proj`, vision.intermediateSize, vision.hiddenSize, true)
    linear(`${block}.mlp.down_proj`, vision.hiddenSize, vision.intermediateSize, true)
  }
  const merged = vision.hiddenSize * vision.mergeSize ** 2
  shapes.set(`${MERGER_PREFIX}ln_q.weight`, [vision.hiddenSize])
  linear(`${MERGER_PREFIX}mlp.0`, merged, merged, true)
  linear(`${MERGER_PREFIX}mlp.2`, vision.outHiddenSize, merged, true)
  return shapes
}
