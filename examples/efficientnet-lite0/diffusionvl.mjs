// node examples/efficientnet-lite0/diffusionvl.mjs COMMAND …: diffusionvl, which also opens models with this tower

import { execFileSync } from "node:child_process"
import { register } from "node:module"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"

const root = new URL("../../", import.meta.url)
execFileSync(process.execPath, [fileURLToPath(new URL("scripts/setup.mjs", root)), "--quiet"], { stdio: "inherit" })
register("./scripts/source-hooks.mjs", root)
const { registerTower } = await import("diffusionvl")
const { efficientNetLite } = await import("./tower.ts")
const { DIFFUSIONVL, run } = await import("../../src/cli/main.js")

registerTower(efficientNetLite)
await run(process.argv, { ...DIFFUSIONVL, name: `node ${relative(".", process.argv[1])}` })
