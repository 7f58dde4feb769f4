/** `diffusionvl doctor`: the command's description; what it does is in ../doctor.ts. */

import type { Command } from "commander"

export function register(program: Command): void {
  program
    .command("doctor")
    .description("print what this machine and this installation are, on one screen")
    .option("--json", "print it as JSON")
    .action(async (options: { json?: boolean }) => {
      const { doctor } = await import("../doctor.js")
      process.exitCode = doctor({ json: options.json })
    })
}
