/** A server answers, over OpenAI's API. One that is busy or away for a while is asked again. */

import { createHash } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { UserError } from "../../errors.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import type { Client, ClientEvent } from "../../serve/client/client.js"
import { remoteClient, ServerLost, ServerRefusal } from "../../serve/client/remote.js"
import type { ModelRecord } from "../run/run-record.js"
import type { Asked } from "../task/task.js"
import type { Answerer, AskOptions, Failed, Reply } from "./answerer.js"
import { messageOf } from "./message.js"
import { uprightFile } from "./pictures.js"

export interface RemoteOptions {
  apiKey?: string
  /** Which of the server's models. @default its first */
  model?: string
  signal?: AbortSignal
  /** Attempts at one document before the run ends. @default 8 */
  attempts?: number
  /** The server cannot answer now; it is asked again in so many seconds. */
  onWait?: (reason: string, seconds: number) => void
}

/** Options of decoding that can travel. */
const ASKED: ReadonlySet<string> = new Set<keyof DecodingOptions>([
  ...(["maxTokens", "temperature", "topP", "topK", "seed", "stop"] as const),
  ...(["blockSize", "steps", "threshold", "strategy"] as const),
])

/** Waited between attempts where the server does not say: 1, 2, 4, … seconds, at most so many. */
const LONGEST_WAIT = 60
/** Statuses that pass by themselves: timed out, conflict, too many requests, and whatever is the server's own trouble. */
const passes = (status: number): boolean => [408, 409, 425, 429].includes(status) || status >= 500
/** The request cannot be answered, others may be: too long, too large, a picture that the server cannot read. */
const isOfTheDocument = (status: number): boolean => [400, 413, 415, 422].includes(status)

export class RemoteAnswerer implements Answerer {
  private constructor(
    readonly record: ModelRecord,
    readonly client: Client,
    readonly options: RemoteOptions,
  ) {}

  /** @throws UserError when there is no server, it does not let us in, or has no such model */
  static async open(url: string, options: RemoteOptions = {}): Promise<RemoteAnswerer> {
    const client = remoteClient(url, { apiKey: options.apiKey, events: false })
    const models = (await client.models()).map(({ id }) => id)
    const name = options.model ?? models[0]
    if (name === undefined) throw new UserError("the server has no models", { where: url })
    if (!models.includes(name))
      throw new UserError(`the server has no model ${name}`, { where: url, fix: `it has ${models.join(", ")}` })
    const fingerprint = createHash("sha256")
      .update(JSON.stringify([url, name]))
      .digest("hex")
    return new RemoteAnswerer({ name, fingerprint, url }, client, options)
  }

  /** @throws UserError for what OpenAI's API has no words for */
  check(decoding: DecodingOptions, { choices, plain }: Asked): void {
    const refuse = (what: string, fix: string): never => {
      throw new UserError(what, { where: this.record.url, fix })
    }
    if (choices)
      refuse(
        "a server cannot be asked how likely given answers are",
        "give a model of this machine, or leave out tasks that are scored by likelihood",
      )
    if (plain) refuse("a server cannot be asked to continue a text", "give a model of this machine")
    for (const [key, value] of Object.entries(decoding))
      if (value !== undefined && !ASKED.has(key))
        refuse(`${key} cannot be asked of a server`, "leave it out, or give a model of this machine")
  }

  async answer(asked: Asked, { decoding, signal }: AskOptions): Promise<Reply | Failed> {
    const { attempts = 8, onWait } = this.options
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#ask(asked, decoding, signal)
      } catch (error) {
        signal?.throwIfAborted()
        const refused = error instanceof ServerRefusal ? error : undefined
        if (refused && isOfTheDocument(refused.status)) return { failed: refused.message }
        const again = error instanceof ServerLost || (refused !== undefined && passes(refused.status))
        if (!again || attempt >= attempts) throw error
        const seconds = refused?.retryAfter ?? Math.min(LONGEST_WAIT, 2 ** (attempt - 1))
        onWait?.((error as Error).message, seconds)
        await sleep(seconds * 1000, undefined, { signal }).catch(() => signal?.throwIfAborted())
      }
    }
  }

  async #ask(asked: Asked, decoding: DecodingOptions, signal: AbortSignal | undefined): Promise<Reply | Failed> {
    const { messages, pictures } = messageOf(asked)
    const images: Uint8Array[] = []
    try {
      for (const picture of pictures) images.push(await uprightFile(picture))
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      return { failed: error.where === undefined ? error.message : `${error.where}: ${error.message}` }
    }
    let done: Extract<ClientEvent, { type: "done" }> | undefined
    const request = { ...decoding, model: this.record.name, messages, images, signal }
    for await (const event of this.client.answer(request)) if (event.type === "done") done = event
    const { text, reason, statistics } = done as NonNullable<typeof done>
    const { tokens, forwards } = statistics
    return { raw: text, tokens, forwards, ended: reason === "stop" }
  }
}
