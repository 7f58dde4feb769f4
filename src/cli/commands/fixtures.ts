/** `diffusionvl fixtures`: the command's description; what it does is in ../fixtures.ts. */

import type { Command } from "commander"
import { interruptible } from "../interrupt.js"
import { folderPath } from "../options.js"

export function register(program: Command): void {
  program
    .command("fixtures")
    .description("run golden cases computed by the reference implementations")
    .argument("<folder>", "folder with the cases; what is in it decides what runs", folderPath)
    .option("--only <text>", "only the kinds of case whose name holds this text")
    .action(async (folder: string, options: { only?: string }) => {
      const { fixtures } = await import("../fixtures.js")
      process.exitCode = await interruptible((signal) => fixtures(folder, { ...options, signal }))
    })
}
