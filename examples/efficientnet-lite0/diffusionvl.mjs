// node examples/efficientnet-lite0/diffusionvl.mjs COMMAND …: diffusionvl, which also opens models with this tower

import { relative } from "node:path"

await import("../../scripts/sources.mjs")
const { registerTower } = await import("diffusionvl")
const { efficientNetLite } = await import("./tower.ts")
const { DIFFUSIONVL, run } = await import("../../src/cli/main.js")

registerTower(efficientNetLite)
await run(process.argv, { ...DIFFUSIONVL, name: `node ${relative(".", process.argv[1])}` })
