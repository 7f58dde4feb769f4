/** A response of server-sent events, to a reader who may be slow or gone: what waits unread has a limit, and so has its wait. */

import type { ServerResponse } from "node:http"
import type { SentEvent } from "../protocol/writer.js"

export interface EventStreamOptions {
  headers: Record<string, string>
  /** Bytes that may wait unread. @default 1 MiB */
  unreadBytes?: number
  /** How long a reader may read nothing while something waits, in milliseconds. @default 30 000 */
  unreadMs?: number
  /** The reader left, or was given up for the reason that is told. */
  onGone(reason: string): void
}

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  // Proxies such as nginx would hold events back until a buffer is full.
  "x-accel-buffering": "no",
}

export class EventStream {
  readonly #response: ServerResponse
  readonly #unreadBytes: number
  readonly #onGone: (reason: string) => void
  readonly #watch: NodeJS.Timeout
  #open = true
  #looking = false

  constructor(
    response: ServerResponse,
    { headers, unreadBytes = 1 << 20, unreadMs = 30_000, onGone }: EventStreamOptions,
  ) {
    this.#response = response
    this.#unreadBytes = unreadBytes
    this.#onGone = onGone
    response.writeHead(200, { ...HEADERS, ...headers })
    response.flushHeaders()
    response.on("close", () => this.#give("the reader left"))
    response.on("error", () => this.#give("the reader left"))
    // Small events must not wait for more of them.
    response.socket?.setNoDelay(true)
    let read = -1
    let since = Date.now()
    this.#watch = setInterval(() => {
      const written = response.socket?.bytesWritten ?? 0
      if (this.unread === 0 || written !== read) since = Date.now()
      read = written
      if (Date.now() - since >= unreadMs) this.#drop("the reader does not read")
    }, unreadMs / 8).unref()
  }

  /** Bytes that the reader's side has not taken yet. */
  get unread(): number {
    return this.#response.writableLength
  }

  /** Whether much waits: what can be left out should be. */
  get isSlow(): boolean {
    return this.unread > this.#unreadBytes / 4
  }

  send({ event, data }: SentEvent): void {
    const name = event === undefined ? "" : `event: ${event}\n`
    this.#write(`${name}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`)
  }

  /** Something that is no event, so that nobody between takes the connection for dead. */
  comment(text: string): void {
    this.#write(`: ${text}\n\n`)
  }

  end(): void {
    if (this.#close()) this.#response.end()
  }

  #write(text: string): void {
    if (!this.#open) return
    this.#response.write(text)
    if (this.unread <= this.#unreadBytes || this.#looking) return
    // What was written in this turn is on its way when the next begins.
    this.#looking = true
    setImmediate(() => {
      this.#looking = false
      if (this.unread > this.#unreadBytes) this.#drop("too much waits unread")
    })
  }

  #drop(reason: string): void {
    this.#give(reason)
    this.#response.destroy()
  }

  #give(reason: string): void {
    if (this.#close()) this.#onGone(reason)
  }

  #close(): boolean {
    const was = this.#open
    this.#open = false
    clearInterval(this.#watch)
    return was
  }
}
