/** LLaVA on Qwen2.5, and DiffusionVL made from it: SigLIP, an MLP, Qwen2.5. */
import { AUTOREGRESSIVE, BLOCK_DIFFUSION } from "../published-paradigms.js"
import { authorsVlm } from "./authors-vlm.js"

export const llava_qwen = authorsVlm({
  name: "llava_qwen",
  title: "LLaVA-Qwen and DiffusionVL from it",
  language: "qwen2",
  chat: "qwen_2_5",
  blocks: { type: "diffusionvl_qwen", architecture: "DiffusionVLQwenForCausalLM", published: BLOCK_DIFFUSION },
  plain: { type: "llava_qwen", architecture: "LlavaQwenForCausalLM", published: AUTOREGRESSIVE },
})
