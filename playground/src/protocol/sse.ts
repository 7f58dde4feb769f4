/** Server-sent events from text that arrives in any pieces, as the HTML standard reads them. */

export interface ServerEvent {
  /** "message" where the server names none. */
  event: string
  data: string
}

/** Feed it pieces of a stream in their order; it gives back the events that they complete. */
export class EventParser {
  #rest = ""
  #event = ""
  #data: string[] = []

  push(piece: string): ServerEvent[] {
    const text = this.#rest + piece
    // A carriage return at the end may be half of a line break.
    const whole = text.endsWith("\r") ? text.slice(0, -1) : text
    const lines = whole.split(/\r\n|\n|\r/)
    this.#rest = (lines.pop() as string) + text.slice(whole.length)
    return lines.flatMap((line) => this.#line(line) ?? [])
  }

  #line(line: string): ServerEvent | undefined {
    if (line === "") return this.#finish()
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line) as RegExpExecArray
    if (field === "event") this.#event = value
    if (field === "data") this.#data.push(value)
    return undefined
  }

  #finish(): ServerEvent | undefined {
    const event = { event: this.#event || "message", data: this.#data.join("\n") }
    const empty = this.#data.length === 0
    this.#event = ""
    this.#data = []
    return empty ? undefined : event
  }
}

/** The events of a response's body; leaving the loop early cancels it. */
export async function* serverEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const parser = new EventParser()
  try {
    for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
      yield* parser.push(decoder.decode(value, { stream: true }))
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
