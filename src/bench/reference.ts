/** The other side of the benchmarks: bench/reference.py in a Python that has transformers, spoken to over its standard input. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const SCRIPT = fileURLToPath(new URL("../../bench/reference.py", import.meta.url))

/** A Python with torch and transformers: DIFFUSIONVL_PYTHON, else python3; undefined when it lacks them. */
export function findReferencePython(): string | undefined {
  const python = process.env.DIFFUSIONVL_PYTHON ?? "python3"
  const found = spawnSync(python, [
    "-c",
    "import importlib.util as u, sys; sys.exit(not (u.find_spec('torch') and u.find_spec('transformers')))",
  ])
  return found.status === 0 ? python : undefined
}

export class Reference {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(python: string, threads: number) {
    this.#child = spawn(python, [SCRIPT], {
      stdio: ["pipe", "pipe", "ignore"],
      env: { ...process.env, OMP_NUM_THREADS: String(threads) },
    })
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  /** Sends one request and waits for its answer. */
  async ask(request: Record<string, unknown>): Promise<Record<string, number>> {
    this.#child.stdin!.write(`${JSON.stringify(request)}\n`)
    const { value, done } = await this.#lines.next()
    if (done) throw new Error("the reference program ended early")
    const answer = JSON.parse(value) as Record<string, number> & { error?: string }
    if (answer.error) throw new Error(`the reference program failed: ${answer.error}`)
    return answer
  }

  close(): void {
    this.#child.stdin!.end()
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
