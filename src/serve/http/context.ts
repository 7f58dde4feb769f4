/** What every route of a server knows. */

import type { HttpBindings } from "@hono/node-server"
import type { Context } from "hono"
import type { Engine } from "../engine/engine.js"
import type { PictureRules } from "../pictures/find.js"
import type { Places } from "../places.js"
import type { Protocol } from "../protocol/errors.js"
import type { LogEntry, ServeLimits } from "../settings.js"
import type { Bodies } from "./bodies.js"
import type { Flights } from "./flights.js"
import type { GuardOptions } from "./guards.js"
import type { Metrics } from "./metrics.js"
import type { RequestRecord } from "./record.js"

export interface Server {
  engine: Engine
  places: Places
  bodies: Bodies
  flights: Flights
  metrics: Metrics
  limits: ServeLimits
  pictures: PictureRules
  guards: GuardOptions
  log: (entry: LogEntry) => void
  logPrompts: boolean
  /** Whether nothing that is kept of one asker's requests is found by another's. */
  separateCaches: boolean
  /** Folder of trainings, and of the page. */
  runs: string
  page: string
  /** No new requests: the server is ending. */
  isEnding: boolean
}

/** What a request carries through its routes. */
export interface Environment {
  Bindings: HttpBindings
  Variables: {
    record: RequestRecord
    started: number
    protocol: Protocol
    /** Headers that every response has. */
    headers: Record<string, string>
    /** Whether the response tells of itself when it ends. */
    isStreaming: boolean
  }
}

export type Asking = Context<Environment>
