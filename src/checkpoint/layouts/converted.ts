/** Converted Qwen2.5-VL, the training input of DVL-QwenVL: text, tower and merger in a file each. */
import { MERGER_PREFIX, VISION_PREFIX } from "../expected-tensors.js"
import { SINGLE_FILE } from "../safetensors-index.js"
import type { Layout } from "./layout.js"

export const VISION_FILE = "vision_tower.safetensors"
export const PROJECTOR_FILE = "projector.safetensors"

export const converted: Layout = {
  name: "converted",
  toCanonical(name, file) {
    if (file === VISION_FILE) return VISION_PREFIX + name
    if (file === PROJECTOR_FILE) return MERGER_PREFIX + name
    return /^(model\.(embed_tokens|layers|norm)|lm_head)\./.test(name) ? name : undefined
  },
  fromCanonical(name) {
    if (name.startsWith(VISION_PREFIX)) return { name: name.slice(VISION_PREFIX.length), file: VISION_FILE }
    if (name.startsWith(MERGER_PREFIX)) return { name: name.slice(MERGER_PREFIX.length), file: PROJECTOR_FILE }
    return { name, file: SINGLE_FILE }
  },
}
