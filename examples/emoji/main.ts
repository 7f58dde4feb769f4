/** `npm run demo`. */

import { run } from "../../src/cli/main.js"
import { demo } from "./command.js"

await run([...process.argv.slice(0, 2), "demo", ...process.argv.slice(2)], demo)
