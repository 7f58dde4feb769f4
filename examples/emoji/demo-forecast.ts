/** Says what the demo will take on this machine; where that is long, offers a smaller setting to whoever sits at a terminal. */

import { once } from "node:events"
import { relative } from "node:path"
import { createInterface } from "node:readline/promises"
import { formatDuration } from "../../src/cli/ui/format.js"
import { type StageName, stageTitle } from "./stages.js"
import type { TimedPart } from "./time-left.js"

export type Choice = "go on" | "smaller" | "stop"

/** The recipe of a setting that ships, and its steps of translation. */
export interface SmallerSetting {
  file: string
  steps: number
}

/** The terminal; tests pass their own. */
export interface Terminal {
  write(text: string): void
  /** undefined where nobody can answer */
  ask?: (question: string) => Promise<string>
}

/** What takes longer is offered smaller before it begins. */
const LONG_SECONDS = 30 * 60

/**
 * @param parts what is left; nothing is said when all is done
 * @param steps of translation, for comparing with the smaller setting's
 */
export async function askForecast(
  parts: readonly TimedPart[],
  steps: number,
  smaller: SmallerSetting | undefined,
  terminal: Terminal = processTerminal(),
): Promise<Choice> {
  if (parts.length === 0) return "go on"
  const seconds = parts.map(({ units, secondsPerUnit }) => units * secondsPerUnit)
  const total = seconds.reduce((sum, n) => sum + n, 0)
  const named = parts.map(({ name }, i) => `${titleOf(name)} ${formatDuration(seconds[i])}`)
  terminal.write(`on this machine, as it is now: about ${formatDuration(total)} (${named.join(", ")})\n`)
  if (total <= LONG_SECONDS) return "go on"
  if (!smaller) {
    terminal.write("fewer steps take less: --set stages.diffusion.steps=N\n")
    return "go on"
  }
  const less = formatDuration((total * smaller.steps) / steps)
  terminal.write(
    `that is long; a smaller setting takes about ${less}: npm run demo -- --recipe ${relative(".", smaller.file)}\n`,
  )
  if (!terminal.ask) return "go on"
  const answer = await terminal.ask("go on with this one (g), take the smaller one (s), or stop (Enter)? ")
  return CHOICES[answer.trim().toLowerCase()] ?? "stop"
}

const CHOICES: Record<string, Choice | undefined> = { g: "go on", s: "smaller" }

const titleOf = (part: string): string => (part === "evaluation" ? part : stageTitle(part as StageName).split(",")[0])

function processTerminal(): Terminal {
  const write = (text: string): void => void process.stderr.write(text)
  if (!process.stdin.isTTY || !process.stderr.isTTY) return { write }
  const ask = async (question: string): Promise<string> => {
    const lines = createInterface({ input: process.stdin, output: process.stderr })
    try {
      // Ctrl-C and Ctrl-D close it without an answer.
      return await Promise.race([lines.question(question), once(lines, "close").then(() => "")])
    } finally {
      lines.close()
    }
  }
  return { write, ask }
}
