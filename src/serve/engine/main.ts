/**
 * The process that computes, started by the server with a channel to it. A process and not a thread: what ends it, be it memory or a
 * fault of a library, ends no server, and an operator that never returns can be ended.
 */

import sharp from "sharp"
import { EngineHost } from "./host.js"
import type { FromEngine, ToEngine } from "./messages.js"

// Strangers send pictures: a format that is not decoded is not parsed either, be it only to refuse it.
sharp.block({ operation: ["VipsForeignLoadSvg"] })

/** The server takes an engine that does not say so for long for stuck. */
const BEAT_MS = 1000
/** Counts take a look at the system: not at every beat. */
const BEATS_PER_COUNT = 2

const waiting: FromEngine[] = []

/** Messages of one turn of the event loop travel together. */
function send(message: FromEngine): void {
  if (waiting.push(message) > 1) return
  // Where the server is gone the end of the channel says so.
  setImmediate(() => process.send?.(waiting.splice(0), undefined, undefined, () => {}))
}

const host = new EngineHost(send)
process.on("message", (message: ToEngine) => host.receive(message))
// Without a server there is nobody to answer.
process.on("disconnect", () => process.exit(0))
// The terminal sends its keys to all of a group; the server says when it is over.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {})

let beats = 0
setInterval(() => send({ type: "beat", ...(beats++ % BEATS_PER_COUNT === 0 && { counts: host.counts() }) }), BEAT_MS)
send({ type: "beat" })
