// Compiles src/ to dist/ when a source changed.

import { existsSync, rmSync } from "node:fs"
import { basename, join, relative, sep } from "node:path"
import { run, tail } from "./run.mjs"
import { SetupError } from "./setup-error.mjs"
import { compare, listFiles, marksOf, readJson, renewMarks, writeJson } from "./stamp.mjs"

const stampPath = (root) => join(root, "dist", ".stamp.json")

function inputs(root) {
  const sources = listFiles(join(root, "src"), (path) => !path.endsWith(".test.ts"))
  return [...sources, join(root, "tsconfig.json"), join(root, "tsconfig.build.json")]
}

/** Reads file times only, unless they changed. */
export function isBuilt(root) {
  const stamp = readJson(stampPath(root))
  const files = inputs(root)
  const state = compare(stamp?.marks, root, files)
  if (state === "touched") renewMarks(stampPath(root), { marks: marksOf(root, files) })
  return state !== "changed" && existsSync(join(root, "dist", "cli", "main.js"))
}

/**
 * @returns {Promise<string[]>} type errors, if any: they do not change what is emitted, so the program still runs,
 *   and `npm run typecheck` is what fails on them
 */
export async function buildTypeScript(root, progress) {
  const files = inputs(root)
  const marks = marksOf(root, files)
  if (!existsSync(join(root, "dist", "cli", "main.js"))) rmSync(join(root, "dist", ".tsbuildinfo"), { force: true })
  const timer = setInterval(() => progress("compiling src/ to dist/"), 500)
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc")
  const { code, output } = await run(
    process.execPath,
    [compiler, "-p", join(root, "tsconfig.build.json"), "--pretty", "false"],
    { cwd: root },
  )
  clearInterval(timer)
  const errors = output.split("\n").filter((line) => /error TS\d+:/.test(line))
  if (code !== 0 && errors.length === 0) throw new SetupError(`TypeScript did not run:\n${tail(output)}`, "run: npm ci")
  removeOrphans(root, files)
  writeJson(stampPath(root), { marks })
  return errors
}

/** Output whose source is gone would otherwise stay importable. */
export function removeOrphans(root, files) {
  const dist = join(root, "dist")
  const expected = new Set(files.map((file) => relative(join(root, "src"), file).replace(/\.(ts|json)$/, "")))
  // The page is another step's output.
  const page = join(dist, "playground") + sep
  const isOutput = (path) =>
    /\.(js|d\.ts|json)$/.test(path) && !basename(path).startsWith(".") && !path.startsWith(page)
  for (const path of listFiles(dist, isOutput)) {
    if (!expected.has(relative(dist, path).replace(/\.(js|d\.ts|json)$/, ""))) rmSync(path)
  }
}
