/** A server answers, over OpenAI's API. One that is busy or away for a while is asked again. */

import { createHash } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { UserError } from "../../errors.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import type { ClientEvent, ListedModel } from "../../serve/client/client.js"
import { type RemoteClient, remoteClient, ServerLost, ServerRefusal } from "../../serve/client/remote.js"
import type { Message } from "../../text/message.js"
import type { ModelRecord } from "../run/run-record.js"
import type { Asked } from "../task/task.js"
import type { Answerer, AskOptions, Failed, Reply } from "./answerer.js"
import { chosenReply } from "./chosen.js"
import { continued, withEnd } from "./continued.js"
import { type Complete, echoedLikelihoods, requireEcho } from "./echoed.js"
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
const passes = (status: number): boolean => [408, 409, 425, 429].includes(status) || (status >= 500 && status !== 501)
/** The request cannot be answered, others may be: too long, too large, a picture that the server cannot read. */
const isOfTheDocument = (status: number): boolean => [400, 413, 415, 422].includes(status)

/** A server that fails at so many documents in a row, attempts and all, fails at all of them; at fewer, these documents are its trouble. */
const FAILED_IN_A_ROW = 3
/** A server that has answered nothing and refuses so many documents in the same words refuses all of them. */
const REFUSED_ALIKE = 16
/** The longest that timers can wait is some weeks: nobody means more than a day. */
const DAY = 24 * 3600
/** Seconds between looks at a model that is being loaded. */
const LOADING = 2

export class RemoteAnswerer implements Answerer {
  #failedInARow = 0
  /** It is known to tell how likely a prompt is. */
  #echoes = false
  /** Until the first answer. */
  #refusals: { sentence: string; count: number } | undefined = { sentence: "", count: 0 }

  private constructor(
    readonly record: ModelRecord,
    readonly client: RemoteClient,
    readonly options: RemoteOptions,
  ) {}

  /**
   * Waits for a model that is being loaded.
   * @throws UserError when there is no server, it does not let us in, or has no such model
   */
  static async open(url: string, options: RemoteOptions = {}): Promise<RemoteAnswerer> {
    const client = remoteClient(url, { apiKey: options.apiKey, events: false })
    for (;;) {
      const models = await client.models()
      const name = options.model ?? models[0]?.id
      if (name === undefined) throw new UserError("the server has no models", { where: url })
      const model = models.find(({ id }) => id === name)
      if (!model) {
        const fix = `it has ${models.map(({ id }) => id).join(", ")}`
        throw new UserError(`the server has no model ${name}`, { where: url, fix })
      }
      if (model.error !== undefined) throw new UserError(`its model ${name}: ${model.error}`, { where: url })
      if (model.ready !== false)
        return new RemoteAnswerer({ name, fingerprint: printOf(model, url), url }, client, options)
      options.onWait?.(`${url} loads ${name}`, LOADING)
      await wait(LOADING, options.signal)
    }
  }

  /** @throws UserError for what OpenAI's API has no words for */
  check(decoding: DecodingOptions, asked: Asked): void {
    const refuse = (what: string, fix: string): never => {
      throw new UserError(what, { where: this.record.url, fix })
    }
    const { choices, plain } = asked
    if (choices && !(plain && asked.pictures.length === 0))
      refuse(
        "a server cannot be asked how likely given answers are in a chat: only texts that are continued",
        "give a model of this machine, or leave out tasks that are scored by likelihood",
      )
    if (plain && asked.pictures.length > 0)
      refuse("a server cannot be asked to continue a text with pictures", "give a model of this machine")
    for (const [key, value] of Object.entries(decoding))
      if (value !== undefined && !ASKED.has(key))
        refuse(`${key} cannot be asked of a server`, "leave it out, or give a model of this machine")
  }

  async answer(asked: Asked, { decoding, signal }: AskOptions): Promise<Reply | Failed> {
    const { attempts = 8, onWait } = this.options
    for (let attempt = 1; ; attempt++) {
      try {
        const reply = await this.#ask(asked, decoding, signal)
        if (!("failed" in reply)) {
          this.#failedInARow = 0
          this.#refusals = undefined
        }
        return reply
      } catch (error) {
        signal?.throwIfAborted()
        const refused = error instanceof ServerRefusal ? error : undefined
        if (refused && isOfTheDocument(refused.status)) return this.#refused(refused)
        const again = error instanceof ServerLost || (refused !== undefined && passes(refused.status))
        if (!again) throw error
        if (attempt >= attempts) {
          // Where the server is there, others may be answered: this one is asked again by the next run.
          const isThere = refused !== undefined || (await this.client.models().then(Boolean, () => false))
          signal?.throwIfAborted()
          if (isThere && ++this.#failedInARow < FAILED_IN_A_ROW)
            return { failed: (error as UserError).message, transient: true }
          throw gaveUp(error as UserError, attempts)
        }
        const seconds = Math.min(DAY, refused?.retryAfter ?? Math.min(LONGEST_WAIT, 2 ** (attempt - 1)))
        onWait?.((error as Error).message, seconds)
        await wait(seconds, signal)
        await this.#requireSame()
      }
    }
  }

  #refused({ message }: ServerRefusal): Failed {
    this.#failedInARow = 0
    const before = this.#refusals
    if (before) {
      const count = before.sentence === message ? before.count + 1 : 1
      this.#refusals = { sentence: message, count }
      if (count >= REFUSED_ALIKE)
        throw new UserError(`the server has answered nothing, and refuses one document after the other: ${message}`, {
          where: this.record.url,
          fix: "see what it wants, and run the same command with --retry-failed",
        })
    }
    return { failed: message }
  }

  /** A server that was away may have come back with another model of the same name. */
  async #requireSame(): Promise<void> {
    const { name, fingerprint, url = "" } = this.record
    const models = await this.client.models().catch(() => [])
    const model = models.find(({ id }) => id === name)
    if (!model || model.ready === false || printOf(model, url) === fingerprint) return
    throw new UserError(`its model ${name} is another one now`, {
      where: url,
      fix: "run the same command again: answers of each model are kept apart",
    })
  }

  async #ask(asked: Asked, decoding: DecodingOptions, signal: AbortSignal | undefined): Promise<Reply | Failed> {
    if (asked.plain || asked.choices) {
      // The first document was looked at before; others may be of another kind.
      if (asked.pictures.length > 0) return { failed: "a text that is continued shows no pictures" }
      if (asked.context === "") return { failed: "there is no text to continue" }
      if (asked.choices) return this.#score(asked.context, asked.choices, signal)
      return continued(this.#complete, asked.context, decoding, signal)
    }
    let messages: Message[]
    const images: Uint8Array[] = []
    try {
      const message = messageOf(asked)
      messages = message.messages
      for (const picture of message.pictures) images.push(await uprightFile(picture))
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      return { failed: error.where === undefined ? error.message : `${error.where}: ${error.message}` }
    }
    let done: Extract<ClientEvent, { type: "done" }> | undefined
    const request = { ...decoding, model: this.record.name, messages, images, signal }
    for await (const event of this.client.answer(request)) if (event.type === "done") done = event
    const { text, reason, statistics } = done as NonNullable<typeof done>
    const { tokens, forwards } = statistics
    const ended = reason === "stop"
    return { raw: text, tokens: withEnd(tokens, { forwards, ended }), forwards, ended }
  }

  readonly #complete: Complete = (body, signal) => this.client.complete({ model: this.record.name, ...body }, signal)

  async #score(context: string, choices: readonly string[], signal: AbortSignal | undefined): Promise<Reply | Failed> {
    if (!this.#echoes) await requireEcho(this.#complete, signal)
    this.#echoes = true
    try {
      return chosenReply(choices, await echoedLikelihoods(this.#complete, context, choices, signal), 0)
    } catch (error) {
      // What the server is to blame for is seen to where it is asked again.
      if (!(error instanceof UserError) || error instanceof ServerRefusal || error instanceof ServerLost) throw error
      return { failed: error.message }
    }
  }
}

/** Of what the server tells of the model, wherever it is; else of where it is and what it is called. */
function printOf({ id, fingerprint }: ListedModel, url: string): string {
  const known = fingerprint ? [fingerprint] : [url, id]
  return createHash("sha256").update(JSON.stringify(known)).digest("hex")
}

const wait = (seconds: number, signal: AbortSignal | undefined): Promise<void> =>
  sleep(seconds * 1000, undefined, { signal }).catch(() => signal?.throwIfAborted())

const gaveUp = (error: UserError, attempts: number): UserError =>
  new UserError(`${error.message} (${attempts} attempts)`, {
    where: error.where,
    fix: error.fix ?? "when it is well again, run the same command: it goes on from here",
    cause: error,
  })
