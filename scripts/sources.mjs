// Sets the program up, then lets TypeScript sources of the repository be imported: for programs that node starts alone.

import { execFileSync } from "node:child_process"
import { register } from "node:module"
import { fileURLToPath } from "node:url"

const setup = fileURLToPath(new URL("setup.mjs", import.meta.url))
execFileSync(process.execPath, [setup, "--quiet"], { stdio: "inherit" })
register("./source-hooks.mjs", import.meta.url)
