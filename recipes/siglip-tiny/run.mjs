// node recipes/siglip-tiny/run.mjs --out FOLDER: sets the program up, then runs main.ts beside this file.

import { execFileSync } from "node:child_process"
import { register } from "node:module"
import { fileURLToPath } from "node:url"

const root = new URL("../../", import.meta.url)
execFileSync(process.execPath, [fileURLToPath(new URL("scripts/setup.mjs", root)), "--quiet"], { stdio: "inherit" })
register("./scripts/source-hooks.mjs", root)
await import("./main.ts")
