/** A server over two tiny models, "ar" and "bd", for tests; it says what it logs. */

import { setTimeout as sleep } from "node:timers/promises"
import type { RunningServer } from "../../src/serve/running-server.js"
import { serve } from "../../src/serve/serve.js"
import type { LogEntry, ServeOptions } from "../../src/serve/settings.js"
import { writeSmallAnswerers } from "./small-answerers.js"

export interface SmallServer extends RunningServer {
  log: LogEntry[]
}

/** Starts it, and waits for its models unless told otherwise. */
export async function startSmallServer(folder: string, options: ServeOptions = {}, wait = true): Promise<SmallServer> {
  const { autoregressive, "block-diffusion": diffusion } = await writeSmallAnswerers(folder)
  const log: LogEntry[] = []
  const models = [
    { id: "ar", source: autoregressive },
    { id: "bd", source: diffusion },
  ]
  const server = await serve({ port: 0, models, dtype: "float32", log: (entry) => log.push(entry), ...options })
  if (wait) await server.ready
  return Object.assign(server, { log })
}

export interface Health {
  status: string
  running: number
  waiting: number
}

export const health = async (url: string): Promise<Health> => (await (await fetch(`${url}/health`)).json()) as Health

/** Asks again and again until it holds. */
export async function until(holds: () => Promise<boolean> | boolean, ms = 60_000): Promise<void> {
  const end = Date.now() + ms
  while (!(await holds())) {
    if (Date.now() > end) throw new Error("it never came to hold")
    await sleep(20)
  }
}

export interface Sent {
  event?: string
  data: string
}

/** The events of a stream, as they were sent. */
export function eventsOf(text: string): Sent[] {
  return text
    .split("\n\n")
    .filter((part) => part !== "" && !part.startsWith(":"))
    .map((part) => {
      const lines = part.split("\n")
      const event = lines.find((line) => line.startsWith("event: "))?.slice(7)
      return {
        ...(event !== undefined && { event }),
        data: lines.find((line) => line.startsWith("data: "))?.slice(6) ?? "",
      }
    })
}
