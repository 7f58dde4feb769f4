/** `npm run demo`. */

import { run } from "../../src/cli/main.js"
import { demo } from "./command.js"

await run(process.argv, demo)
