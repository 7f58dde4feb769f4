/** Server-sent events out of the bytes of a response. */

export interface ServerSentEvent {
  /** Its name; a plain event has none. */
  event?: string
  data: string
}

/** Events that are whole; characters and lines may be cut anywhere. */
export async function* serverSentEvents(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const decoder = new TextDecoder()
  let rest = ""
  for await (const bytes of body) {
    // A line may end with \r\n, of which only the first has come.
    const text = rest + decoder.decode(bytes, { stream: true })
    const parts = text.split(/\r\n\r\n|\n\n|\r\r(?!\n)/)
    rest = parts.pop() ?? ""
    for (const part of parts) {
      const event = eventOf(part)
      if (event) yield event
    }
  }
}

/** Comments are no events. */
function eventOf(part: string): ServerSentEvent | undefined {
  const data: string[] = []
  let event: string | undefined
  for (const line of part.split(/\r\n|\n|\r/)) {
    const [, name, value] = /^(\w+):? ?(.*)$/s.exec(line) ?? []
    if (name === "data") data.push(value)
    if (name === "event") event = value
  }
  return data.length > 0 ? { ...(event !== undefined && { event }), data: data.join("\n") } : undefined
}
