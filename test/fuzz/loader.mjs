/** Module hooks for the fuzzers: TypeScript below test/ is stripped of its types, what it imports from src/ is the compiled dist/. */

import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import ts from "typescript"

const root = new URL("../../", import.meta.url).href

export async function resolve(specifier, context, next) {
  if (!specifier.startsWith(".") || !context.parentURL?.startsWith(`${root}test/`)) return next(specifier, context)
  const { href } = new URL(specifier, context.parentURL)
  if (href.startsWith(`${root}src/`)) return next(href.replace(`${root}src/`, `${root}dist/`), context)
  const source = href.replace(/\.js$/, ".ts")
  return next(existsSync(fileURLToPath(source)) ? source : href, context)
}

export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context)
  const { outputText } = ts.transpileModule(await readFile(fileURLToPath(url), "utf8"), {
    fileName: fileURLToPath(url),
    compilerOptions: { target: "ES2022", module: "ESNext", inlineSourceMap: true, verbatimModuleSyntax: true },
  })
  return { format: "module", source: outputText, shortCircuit: true }
}
