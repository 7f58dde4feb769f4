#!/usr/bin/env node
// The command: starts the compiled program, and sets it up first where a clone was never built or has changed since.

const { root } = await import("../scripts/lib/paths.mjs")
const { isReady } = await import("../scripts/lib/steps.mjs")

if (!isReady(root)) {
  const { spawnSync } = await import("node:child_process")
  const { join } = await import("node:path")
  process.stderr.write("diffusionvl is not built, or its sources changed: setting it up first\n")
  const { status } = spawnSync(process.execPath, [join(root, "scripts", "setup.mjs"), "--quiet"], {
    stdio: ["ignore", 2, 2],
  })
  if (status !== 0) process.exit(status ?? 1)
}

const { run } = await import("../dist/cli/main.js")
await run(process.argv)
