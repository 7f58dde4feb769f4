/** `npm run fuzz -- --minutes N [--seed S] [--target T]`, or `--case K` for one case again. */

import { parseArgs } from "node:util"
import { type Finding, runFuzzers } from "./runner.js"
import { TARGETS } from "./targets/index.js"

const USAGE = `npm run fuzz -- --minutes N [--seed S] [--target NAME]…    more cases, new ones each time without a seed
npm run fuzz -- --target NAME --seed S --case K           one case again
targets: ${TARGETS.map(({ name }) => name).join(", ")}`

/** @returns the exit code: 1 when something was found */
export async function main(argv: string[]): Promise<number> {
  let values: { minutes?: string; seed?: string; case?: string; target?: string[]; help?: boolean }
  try {
    const option = { type: "string" } as const
    const options = { minutes: option, seed: option, case: option, target: { ...option, multiple: true } } as const
    values = parseArgs({ args: argv, options: { ...options, help: { type: "boolean" } } }).values
  } catch (error) {
    return usage((error as Error).message)
  }
  if (values.help) return usage()
  const known = TARGETS.map(({ name }) => name)
  const targets = values.target ?? known
  const unknown = targets.find((name) => !known.includes(name))
  const [minutes, seed] = [Number(values.minutes ?? 1), Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))]
  const only = values.case === undefined ? undefined : Number(values.case)
  if (unknown || !(minutes > 0) || !Number.isSafeInteger(seed)) return usage("that is not a choice")
  if (only !== undefined && (!Number.isSafeInteger(only) || targets.length !== 1)) return usage("--case needs --target")
  console.log(`seed ${seed}`)
  const { findings, tallies } = await runFuzzers({
    seed,
    targets,
    ...(only === undefined ? { until: Date.now() + minutes * 60_000 } : { only }),
    onFinding: (finding) => console.log(`\n${describe(finding)}`),
  })
  console.log("\ntarget          accepted  refused  findings")
  for (const [name, { accepted, refused, findings }] of tallies)
    console.log(name.padEnd(16) + [accepted, refused, findings].map((n, i) => `${n}`.padStart(i ? 9 : 8)).join(""))
  return findings.length > 0 ? 1 : 0
}

function usage(problem?: string): number {
  console.log(problem ? `${problem}\n${USAGE}` : USAGE)
  return problem ? 2 : 0
}

export const describe = ({ target, fault, what, text, again, saved }: Finding): string =>
  [
    `${target}: ${fault}`,
    `  input: ${what.slice(0, 300)}`,
    `  shown: ${text.slice(0, 400)}`,
    `  ${again}`,
    `  ${saved}`,
  ].join("\n")
