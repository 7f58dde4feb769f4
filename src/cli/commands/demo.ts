/** `diffusionvl demo`: the command's description; what it does is in ../demo.ts. */

import type { Command } from "commander"
import { collect } from "../options.js"

export function register(program: Command): void {
  program
    .command("demo")
    .description("train a small vision-language model, translate it to block diffusion, compare both, write a report")
    .option("--recipe <file>", "what to train and measure (default: the quick setting, about 12 minutes)")
    .option("--out <folder>", "where everything is written (default: runs/demo-<setting>)")
    .option("--set <key=value>", "override a key of the recipe; may be given several times", collect)
    .action(async (options: { recipe?: string; out?: string; set?: string[] }) => {
      const { demo } = await import("../demo.js")
      await demo(options)
    })
}
