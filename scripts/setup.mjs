#!/usr/bin/env node
// Sets everything up: npm packages, libtorch, the native engine, TypeScript. Quick and silent about what is already done.
//
//   node scripts/setup.mjs [--quiet] [--force] [--torch-only]
//
// Old syntax on purpose: an old Node must get as far as the sentence below.

const [major, minor] = process.versions.node.split(".").map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `error: Node ${process.versions.node} is too old; Node 20.19 or later is needed\n  install it from your package manager, nvm or fnm`,
  )
  process.exit(1)
}
if (process.platform === "win32") {
  console.error(
    "error: Windows itself is not supported\n  use the Windows Subsystem for Linux (wsl --install) and run the same command there",
  )
  process.exit(1)
}

const flags = new Set(process.argv.slice(2))
const known = ["--quiet", "--force", "--torch-only"]
const unknown = [...flags].find((flag) => !known.includes(flag))
if (unknown) {
  console.error(`error: unknown option ${unknown}; known: ${known.join(", ")}`)
  process.exit(2)
}

const started = performance.now()
const { Report, duration } = await import("./lib/report.mjs")
const { setUp } = await import("./lib/steps.mjs")
const { SetupError } = await import("./lib/setup-error.mjs")
const { root } = await import("./lib/paths.mjs")

const report = new Report({ quiet: flags.has("--quiet") })
try {
  await setUp({ root, report, torchOnly: flags.has("--torch-only"), force: flags.has("--force") })
  if (!flags.has("--quiet")) report.note(`ready · ${duration((performance.now() - started) / 1000)}`)
} catch (error) {
  if (error instanceof SetupError) report.note(`error: ${error.message}${error.fix ? `\n  ${error.fix}` : ""}`)
  else if (["EACCES", "EPERM", "EROFS", "ENOTDIR", "ENOSPC"].includes(error.code)) {
    report.note(
      `error: cannot write: ${error.message}\n  make the folder writable; the cache can be moved with DIFFUSIONVL_CACHE`,
    )
  } else throw error
  process.exitCode = 1
}
