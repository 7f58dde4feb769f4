/**
 * Module hooks for programs that are no part of the package: TypeScript below bench/, examples/, recipes/ and test/ is stripped of its types,
 * what it imports from src/ is the compiled dist/.
 */

import { createHash, randomUUID } from "node:crypto"
import { existsSync } from "node:fs"
import { mkdir, readFile, rename, writeFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"

const root = new URL("../", import.meta.url).href
const folders = ["bench/", "examples/", "recipes/", "test/"].map((folder) => `${root}${folder}`)
const stripped = new URL("build/stripped/", root)

export async function resolve(specifier, context, next) {
  if (!specifier.startsWith(".") || !folders.some((folder) => context.parentURL?.startsWith(folder)))
    return next(specifier, context)
  const { href } = new URL(specifier, context.parentURL)
  if (href.startsWith(`${root}src/`)) return next(href.replace(`${root}src/`, `${root}dist/`), context)
  const source = href.replace(/\.js$/, ".ts")
  return next(existsSync(fileURLToPath(source)) ? source : href, context)
}

export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context)
  return { format: "module", source: await strip(fileURLToPath(url)), shortCircuit: true }
}

/** From build/ where it was stripped before: the compiler takes half a second to load, and a hundred MB. */
async function strip(path) {
  const text = await readFile(path, "utf8")
  const file = new URL(`${createHash("sha256").update(`${path}\n${text}`).digest("hex")}.js`, stripped)
  if (existsSync(file)) return readFile(file, "utf8")
  const { default: ts } = await import("typescript")
  const { outputText } = ts.transpileModule(text, {
    fileName: path,
    compilerOptions: { target: "ES2022", module: "ESNext", inlineSourceMap: true, verbatimModuleSyntax: true },
  })
  await mkdir(stripped, { recursive: true })
  const draft = new URL(`${randomUUID()}.draft`, stripped)
  await writeFile(draft, outputText)
  await rename(draft, file)
  return outputText
}
