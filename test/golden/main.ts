/** `npm run fixtures`. */

import { run } from "../../src/cli/main.js"
import { fixtures } from "./command.js"

await run([...process.argv.slice(0, 2), "fixtures", ...process.argv.slice(2)], fixtures)
