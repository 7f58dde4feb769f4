/** `node recipes/siglip-tiny/run.mjs`: the command; what it does is in run.ts. */

import { runCommand } from "../shared/command.js"

await runCommand({
  name: "siglip-tiny",
  description:
    "train a small vision tower of the SigLIP architecture on drawings and their names; it is the folder tower/",
  seed: "of the weights, the order of the data and what is held out",
  given: {},
  load: async () => ({ ...(await import("./settings.js")), ...(await import("./run.js")) }),
})
