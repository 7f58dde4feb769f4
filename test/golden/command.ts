/** `npm run fixtures`: the command's description; what it does is in fixtures.ts. */

import type { Command } from "commander"
import type { Commands } from "../../src/cli/main.js"
import { folderPath } from "../../src/cli/options.js"
import { interruptible } from "../../src/cli/process/interrupt.js"

/** A program of its own, which ends and fails as the installed one does. */
export const fixtures: Commands = { name: "npm run fixtures --", register: [register], writesFiles: [] }

function register(program: Command): void {
  program
    .description("run golden cases computed by the reference implementations")
    .argument("<folder>", "folder with the cases; what is in it decides what runs", folderPath)
    .option("--only <text>", "only the kinds of case whose name holds this text")
    .action(async (folder: string, options: { only?: string }) => {
      const { fixtures } = await import("./fixtures.js")
      process.exitCode = await interruptible((signal) => fixtures(folder, { ...options, signal }))
    })
}
