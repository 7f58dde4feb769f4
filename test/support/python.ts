/** Programs of Python that tests ask, where DIFFUSIONVL_PYTHON (or python3) is a Python that has them. */

import { spawn, spawnSync } from "node:child_process"
import { join } from "node:path"
import { type Needing, needs } from "./needs.js"
import { collect } from "./program.js"

export const PYTHON = process.env.DIFFUSIONVL_PYTHON ?? "python3"

/** Tests that need these packages, by the names that they are imported by. */
export function needsPython(...packages: string[]): Needing {
  const found = spawnSync(PYTHON, ["-c", `import ${packages.join(", ")}`]).status === 0
  return needs(found, `a Python with ${packages.join(", ")}: DIFFUSIONVL_PYTHON`)
}

/** Runs beside this process, whose server it may ask, without the hub. @throws Error with what it printed when it fails */
export async function python(cwd: string, args: readonly string[]): Promise<string> {
  const home = join(cwd, ".huggingface")
  const env = { ...process.env, HF_HOME: home, HF_HUB_OFFLINE: "1", HF_DATASETS_OFFLINE: "1", OMP_NUM_THREADS: "1" }
  const { code, out, err } = await collect(spawn(PYTHON, args, { cwd, env })).result
  if (code !== 0) throw new Error(`${args.slice(0, 2).join(" ")}: ${code}\n${out}\n${err}`)
  return out
}
