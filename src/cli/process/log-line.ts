/** An entry of a server's log as people read it. */

import { oneLine } from "../../readable.js"
import type { LogEntry } from "../../serve/settings.js"

/** What it holds may be a stranger's: it neither begins lines nor speaks to the terminal. */
export function logLine({ event, ...rest }: LogEntry): string {
  const words = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${text(name, value)}`)
  return [event, ...words].join(" ")
}

function text(name: string, value: unknown): string {
  if (typeof value === "number") return String(Math.round(value * 10) / 10)
  if (typeof value !== "string") return oneLine(JSON.stringify(value))
  // Where in the program something went wrong is a list of places.
  return name === "reason" ? value.split("\n").map(oneLine).join("\n") : oneLine(value)
}
