// Runs a program of the repository that is no part of the package: node scripts/source.mjs FILE.ts …

import { register } from "node:module"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"

register("./source-hooks.mjs", import.meta.url)
process.argv.splice(1, 2, resolve(process.argv[2]))
await import(pathToFileURL(process.argv[1]).href)
