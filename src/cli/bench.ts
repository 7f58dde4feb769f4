/** Runs a benchmark and prints its table, or JSON with the machine it ran on. */

import { benchBusy } from "../bench/busy.js"
import { BUSY_CASES, type BusyCase } from "../bench/busy-cases.js"
import { benchDecode } from "../bench/decode.js"
import { benchLinear, LINEAR_ROWS } from "../bench/linear.js"
import { benchOps } from "../bench/ops.js"
import { findReferencePython, Reference } from "../bench/reference.js"
import { benchTrain } from "../bench/train.js"
import { UserError } from "../errors.js"
import { shown } from "../readable.js"
import { buildInfo, chooseComputeType, chooseDevice, type DType, engineInfo } from "../torch/index.js"
import { interruptible } from "./process/interrupt.js"
import { Progress } from "./ui/progress.js"
import { formatTable } from "./ui/table.js"

export interface BenchOptions {
  shape: string
  dtype: string
  device: string
  tokens: number
  answer: number
  rounds: number
  spin?: number[]
  only: string
  reference: boolean
  json?: boolean
}

const digits = (value: number | undefined, places: number): string => (value === undefined ? "" : value.toFixed(places))

export async function bench(what: string, options: BenchOptions): Promise<void> {
  if (!["decode", "train", "linear", "ops", "busy"].includes(what))
    throw new UserError(`unknown benchmark ${shown(what)}`, { fix: "choose decode, train, linear, ops or busy" })
  if (options.tokens % 8 > 0 || options.answer > options.tokens)
    throw new UserError(`a sample of ${options.tokens} tokens with an answer of ${options.answer} cannot be trained`, {
      where: "--tokens, --answer",
      fix: "give a multiple of 8, and an answer that is not longer",
    })
  const compares = what === "decode" || what === "train"
  const device = what === "busy" ? "cpu" : chooseDevice(options.device)
  const dtype = (options.dtype === "auto" ? chooseComputeType({ device }).dtype : options.dtype) as DType
  const { threads, cpuCapability } = engineInfo()
  const python = options.reference && compares ? findReferencePython() : undefined
  if (options.reference && compares && !python)
    process.stderr.write("PyTorch is left out: no Python with torch and transformers (set DIFFUSIONVL_PYTHON)\n")
  const reference = python ? new Reference(python, threads) : undefined
  const progress = new Progress(`bench ${what}`)
  try {
    const rows = await interruptible(async (signal): Promise<object[]> => {
      const shared = {
        ...options,
        dtype,
        device,
        threads,
        reference,
        signal,
        onProgress: (text: string) => progress.update(0, 0, text),
      }
      if (what === "decode") return benchDecode(shared)
      if (what === "train") return benchTrain(shared)
      if (what === "busy") return benchBusy({ ...shared, spins: options.spin, cases: casesNamed(options.only) })
      return what === "linear" ? benchLinear(shared) : benchOps()
    })
    progress.finish("")
    const machine = {
      ...(compares && { shape: options.shape }),
      ...((compares || what === "busy") && { dtype }),
      device,
      threads,
      instructions: cpuCapability,
      torch: buildInfo().torchVersion,
    }
    if (options.json) process.stdout.write(`${JSON.stringify({ what, ...machine, rows }, null, 2)}\n`)
    else
      process.stdout.write(
        `${what} · ${Object.values(machine).join(" · ")}\n\n${table(rows as Record<string, number | string | undefined>[])}\n`,
      )
  } finally {
    reference?.close()
  }
}

function casesNamed(text: string): BusyCase[] {
  const found = BUSY_CASES.filter(({ title }) => title.includes(text))
  if (found.length > 0) return found
  throw new UserError(`no case has ${shown(text)} in its name`, {
    where: "--only",
    fix: `the cases are: ${BUSY_CASES.map(({ title }) => title).join("; ")}`,
  })
}

function table(rows: Record<string, number | string | undefined>[]): string {
  const columns: [key: string, title: string, places: number, factor?: number][] = [
    ["seconds", "seconds", 3],
    ["tokensPerSecond", "tokens/s", 1],
    ["forwards", "forwards", 0],
    ["millisecondsPerForward", "ms/forward", 2],
    ["shareOfFloor", "% of floor", 0, 100],
    ["peakMegabytes", "peak MB", 0],
    ["ratio", "ours is × as fast", 2],
    ["idle", "ms idle", 2],
    ["busy", "ms busy", 2],
    ["slowdown", "busy/idle", 2],
    ["least", "least", 2],
    ["most", "most", 2],
    ["againstDefaultIdle", "default/this, idle", 2],
    ["againstDefaultBusy", "busy", 2],
    ["called", "ns/call", 0],
    ["bare", "ns bare", 0],
    ["overhead", "ns over", 0],
    ...LINEAR_ROWS.map((rows): [string, string, number] => [`rows${rows}`, `${rows} row${rows === 1 ? "" : "s"}`, 1]),
  ]
  const present = columns.filter(([key]) => rows.some((row) => row[key] !== undefined))
  const cells = rows.map((row) => [
    String(row.what ?? row.operator),
    ...present.map(([key, , places, factor = 1]) =>
      digits(row[key] === undefined ? undefined : Number(row[key]) * factor, places),
    ),
  ])
  return formatTable([["", ...present.map(([, title]) => title)], ...cells])
}
