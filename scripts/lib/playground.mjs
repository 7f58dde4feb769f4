// Builds the server's page, playground/, into dist/playground when a source changed.

import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { run, tail } from "./run.mjs"
import { SetupError } from "./setup-error.mjs"
import { compare, listFiles, marksOf, readJson, renewMarks, writeJson } from "./stamp.mjs"

const stampPath = (root) => join(root, "dist", ".playground-stamp.json")

/** The page's own sources, and what it takes from elsewhere: the charts of reports, shell words, a picture to try. */
function inputs(root) {
  const page = listFiles(join(root, "playground"), (path) => !/\.test\.ts$|[\\/]playground[\\/]test[\\/]/.test(path))
  const charts = listFiles(join(root, "src", "report"), (path) => !path.endsWith(".test.ts"))
  const others = ["src/cli/shell.ts", "examples/pictures/panda.png", "tsconfig.json"].map((path) => join(root, path))
  return [...page, ...charts, ...others]
}

/** Reads file times only, unless they changed. */
export function isPlaygroundBuilt(root) {
  const stamp = readJson(stampPath(root))
  const files = inputs(root)
  const state = compare(stamp?.marks, root, files)
  if (state === "touched") renewMarks(stampPath(root), { marks: marksOf(root, files) })
  return state !== "changed" && existsSync(join(root, "dist", "playground", "index.html"))
}

export async function buildPlayground(root) {
  const marks = marksOf(root, inputs(root))
  const vite = join(dirname(createRequire(join(root, "package.json")).resolve("vite/package.json")), "bin", "vite.js")
  const { code, output } = await run(
    process.execPath,
    [vite, "build", "--config", join(root, "playground", "vite.config.ts"), "--logLevel", "warn"],
    { cwd: root },
  )
  if (code !== 0) throw new SetupError(`the playground could not be built:\n${tail(output)}`, "run: npm ci")
  writeJson(stampPath(root), { marks })
}
