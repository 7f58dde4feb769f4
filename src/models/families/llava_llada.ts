/** LLaDA-V, a model of full diffusion that sees, and the same parts with block diffusion: SigLIP, an MLP, LLaDA. */
import { BLOCK_DIFFUSION, FULL_DIFFUSION } from "../published-paradigms.js"
import { authorsVlm } from "./authors-vlm.js"

export const llava_llada = authorsVlm({
  name: "llava_llada",
  title: "LLaDA-V and LLaDA-BD",
  language: "llada",
  chat: "llava_llada",
  blocks: { type: "llava_llada_bd3lm", architecture: "LlavaLladaBD3LMForCausalLM", published: BLOCK_DIFFUSION },
  plain: { type: "llava_llada", architecture: "LlavaLLaDAModelLM", published: FULL_DIFFUSION },
})
