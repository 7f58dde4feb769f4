/** Speed beside another busy program: this project's threads against OpenMP's defaults, idle and busy in turns, in one run. */

import { type ChildProcess, fork, spawn } from "node:child_process"
import { once } from "node:events"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import type { DType } from "../torch/index.js"
import { BUSY_CASES, type BusyCase } from "./busy-cases.js"
import { median } from "./reference.js"

const CHILD = fileURLToPath(new URL("./busy-child.js", import.meta.url))

export interface BusyBenchOptions {
  dtype: DType
  rounds?: number
  /** Other spin counts to measure beside the policy's. */
  spins?: readonly number[]
  /** Cases by their place in `BUSY_CASES`. @default all */
  cases?: readonly BusyCase[]
  /** A side that is slower than this in total, in seconds, is left out of the rounds that follow. */
  patience?: number
  signal?: AbortSignal
  onProgress?: (text: string) => void
}

export interface BusyBenchRow {
  what: string
  /** Milliseconds of a forward, or of a training step: medians. */
  idle: number
  busy: number
  /** Busy over idle: the median of the rounds' ratios, the smallest and the largest. */
  slowdown: number
  least: number
  most: number
  /** Time of OpenMP's defaults over this row's, in the same round: medians. */
  againstDefaultIdle?: number
  againstDefaultBusy?: number
}

/** Times of one side by round; NaN for a round that was left out. */
export interface Times {
  idle: number[]
  busy: number[]
}

interface Side {
  name: string
  environment: Record<string, string>
}

const POLICY = "policy"
const DEFAULT = "OpenMP's default"

/** What each side's process finds in its environment. What is set there switches this project's policy off. */
function sides(spins: readonly number[]): Side[] {
  const cores = String(availableParallelism())
  return [
    { name: POLICY, environment: {} },
    ...spins.map((spin) => ({ name: `spin ${spin}`, environment: { GOMP_SPINCOUNT: String(spin) } })),
    {
      name: DEFAULT,
      environment: { GOMP_SPINCOUNT: "300000", KMP_BLOCKTIME: "200", OMP_NUM_THREADS: cores },
    },
  ]
}

export async function benchBusy(options: BusyBenchOptions): Promise<BusyBenchRow[]> {
  const { dtype, rounds = 5, spins = [], cases = BUSY_CASES, patience = 60, signal, onProgress } = options
  const rows: BusyBenchRow[] = []
  for (const one of cases) {
    onProgress?.(`${one.title}: making the models`)
    const children: Child[] = []
    try {
      for (const side of sides(spins)) children.push(await Child.start(one, dtype, side))
      for (let round = 0; round <= rounds; round++) {
        for (const state of ["idle", "busy"] as const) {
          const other = state === "busy" ? await BusyProcess.start() : undefined
          try {
            for (const child of children) {
              signal?.throwIfAborted()
              onProgress?.(`${one.title}, round ${round} of ${rounds}, ${state}, ${child.side.name}`)
              await child.measure(state, round, patience)
            }
          } finally {
            await other?.end()
          }
        }
      }
      rows.push(...compare(one.title, new Map(children.map((child) => [child.side.name, child.times]))))
    } finally {
      for (const child of children) child.end()
    }
  }
  return rows
}

/** The rows of one case. */
export function compare(title: string, times: ReadonlyMap<string, Times>): BusyBenchRow[] {
  const defaults = times.get(DEFAULT)
  return [...times].map(([name, { idle, busy }]) => {
    const ratios = quotients(busy, idle)
    const row: BusyBenchRow = {
      what: `${title}, ${name}`,
      idle: median(idle.filter(Number.isFinite)),
      busy: median(busy.filter(Number.isFinite)),
      slowdown: median(ratios),
      least: Math.min(...ratios),
      most: Math.max(...ratios),
    }
    if (!defaults || name === DEFAULT) return row
    return {
      ...row,
      againstDefaultIdle: median(quotients(defaults.idle, idle)),
      againstDefaultBusy: median(quotients(defaults.busy, busy)),
    }
  })
}

const quotients = (above: readonly number[], below: readonly number[]): number[] =>
  above.map((value, i) => value / below[i]).filter(Number.isFinite)

/** A process that computes on one core until it is ended, or its parent is gone. */
class BusyProcess {
  readonly #process: ChildProcess

  private constructor(process: ChildProcess) {
    this.#process = process
  }

  static async start(): Promise<BusyProcess> {
    const code = `process.stdout.write("x"); const parent = process.ppid
      for (let i = 0; ; i++) if (i % 1e8 === 0 && process.ppid !== parent) process.exit()`
    const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "ignore"] })
    await once(child.stdout, "data")
    return new BusyProcess(child)
  }

  async end(): Promise<void> {
    const ended = once(this.#process, "exit")
    this.#process.kill("SIGKILL")
    await ended
  }
}

/** The process of one side, which holds its model. */
class Child {
  readonly times: Times = { idle: [], busy: [] }
  #spent = 0

  private constructor(
    readonly side: Side,
    readonly process: ChildProcess,
  ) {}

  static async start({ title }: BusyCase, dtype: DType, side: Side): Promise<Child> {
    const env: NodeJS.ProcessEnv = { ...process.env, ...side.environment }
    if (side.name === POLICY) for (const name of THREAD_VARIABLES) delete env[name]
    const child = new Child(side, fork(CHILD, [title, dtype], { env }))
    await child.#answer()
    return child
  }

  /** One step; round 0 warms up. A side that has lost patience sits out. */
  async measure(state: "idle" | "busy", round: number, patience: number): Promise<void> {
    if (this.#spent > patience && round > 1) {
      this.times[state].push(Number.NaN)
      return
    }
    const start = performance.now()
    this.process.send(round)
    const milliseconds = await this.#answer()
    this.#spent += (performance.now() - start) / 1000
    if (round > 0) this.times[state].push(milliseconds)
  }

  end(): void {
    this.process.kill("SIGKILL")
  }

  #answer(): Promise<number> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) => reject(new Error(`the measured process ended early (${code})`))
      this.process.once("exit", ended)
      this.process.once("message", (value) => {
        this.process.off("exit", ended)
        resolve(Number(value))
      })
    })
  }
}

const THREAD_VARIABLES = ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME", "OMP_NUM_THREADS", "MKL_NUM_THREADS"]
