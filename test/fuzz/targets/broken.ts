/** A program with a fault in every case, to see that the runner finds them. Not one of the targets that are run. */

import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { UserError } from "../../../src/errors.js"
import { type Fuzzer, Nonsense } from "../target.js"

const FAULTS: (() => unknown)[] = [
  () => {},
  () => Promise.reject(new UserError("not this one")),
  () => process.kill(process.pid, "SIGKILL"),
  () => process.exit(3),
  () => (undefined as unknown as string[]).length,
  () => Promise.reject(new UserError("it is undefined")),
  () => void Promise.reject(new UserError("a rejection of its own")),
  () => Promise.reject(new Nonsense("a loss of 0")),
]

export const prepare = async (): Promise<Fuzzer> => ({
  async run({ random, folder, note }) {
    const which = Number(folder.split("-").at(-1))
    note(`fault ${which}, ${random()}`)
    writeFileSync(join(folder, "input"), `${which}`)
    await FAULTS[which]()
  },
})
