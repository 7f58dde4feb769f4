/** `npm run demo`: the command's description; what it does is in demo.ts. */

import type { Command } from "commander"
import type { Commands } from "../../src/cli/main.js"
import { collect, folderPath } from "../../src/cli/options.js"
import type { DemoCommandOptions } from "./demo.js"

const NAME = "npm run demo --"

/** A program of its own, which ends and fails as the installed one does. */
export const demo: Commands = { name: NAME, register: [register], writesFiles: [NAME] }

function register(program: Command): void {
  program
    .description("translate a small vision-language model to block diffusion, compare both, write a report")
    .option("--recipe <file>", "what to train and measure (default: examples/emoji/recipes/emoji-quick.yaml)")
    .option("--from-scratch", "train the autoregressive model first, instead of starting from the one that ships")
    .option("--out <folder>", "where everything is written (default: runs/demo-<setting>)", folderPath)
    .option("--set <key=value>", "override a key of the recipe; may be given several times", collect)
    .action(async (options: DemoCommandOptions) => {
      const { demo } = await import("./demo.js")
      await demo(options)
    })
}
