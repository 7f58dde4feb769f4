/** What was a command once and is a script of the repository: a sentence says so. */

import type { Command } from "commander"
import { UserError } from "../../errors.js"

const SCRIPTS = ["demo", "fixtures"]

export function register(program: Command): void {
  for (const name of SCRIPTS)
    program
      .command(name, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw new UserError(`${name} is no part of the installed program`, {
          fix: `In a clone of the repository: npm run ${name}`,
        })
      })
}
