/** `npm run fuzz`, and the process that runs the cases: the same program, told apart by its first word. */

import { register } from "node:module"

register("../../scripts/source-hooks.mjs", import.meta.url)
const [first, ...rest] = process.argv.slice(2)
if (first === "cases") await (await import("./cases.ts")).runCases(JSON.parse(rest[0]))
else process.exitCode = await (await import("./main.ts")).main(process.argv.slice(2))
