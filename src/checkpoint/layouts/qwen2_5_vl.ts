/** Qwen2.5-VL as published, and as newer transformers releases save it, with one more level in the names. */
import { MERGER_PREFIX, VISION_PREFIX } from "../expected-tensors.js"
import type { Layout } from "./layout.js"

/** Stored prefix -> canonical prefix; the first that fits counts. */
const PREFIXES: [string, string][] = [
  ["model.language_model.", "model."],
  ["model.visual.merger.", MERGER_PREFIX],
  ["model.visual.", VISION_PREFIX],
  ["visual.merger.", MERGER_PREFIX],
  ["visual.", VISION_PREFIX],
  ["model.embed_tokens.", "model.embed_tokens."],
  ["model.layers.", "model.layers."],
  ["model.norm.", "model.norm."],
  ["lm_head.", "lm_head."],
]

export const qwen2_5_vl: Layout = {
  name: "qwen2_5_vl",
  toCanonical(name) {
    const pair = PREFIXES.find(([stored]) => name.startsWith(stored))
    return pair && pair[1] + name.slice(pair[0].length)
  },
  fromCanonical(name) {
    if (name.startsWith(MERGER_PREFIX)) return { name: `visual.merger.${name.slice(MERGER_PREFIX.length)}` }
    if (name.startsWith(VISION_PREFIX)) return { name: `visual.${name.slice(VISION_PREFIX.length)}` }
    return { name }
  },
}
