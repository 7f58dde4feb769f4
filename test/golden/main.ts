/** `npm run fixtures`. */

import { run } from "../../src/cli/main.js"
import { fixtures } from "./command.js"

await run(process.argv, fixtures)
