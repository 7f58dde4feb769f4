/** Trained and released DVL-QwenVL. Its names are the canonical ones. */
import type { Layout } from "./layout.js"

const PREFIXES = [
  "model.embed_tokens.",
  "model.layers.",
  "model.norm.",
  "lm_head.",
  "model.vision_tower.vision_tower.",
  "model.mm_projector.merger.",
]

export const released: Layout = {
  name: "released",
  toCanonical: (name) => (PREFIXES.some((prefix) => name.startsWith(prefix)) ? name : undefined),
  fromCanonical: (name) => ({ name }),
}
