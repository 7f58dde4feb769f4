/** A conversation on the terminal, or with lines piped in. */

import { existsSync } from "node:fs"
import { createInterface } from "node:readline"
import { messageOf } from "../../errors.js"
import { EqualLogitsError, NotFiniteError } from "../../paradigms/not-finite.js"
import { imagePrompt, type Message } from "../../text/conversation.js"
import { PlainFormat } from "../../text/formats/plain-format.js"
import { urlProblem, urlSentence } from "../../url.js"
import type { Answerer } from "../eval/answerer.js"
import { type ModelOptions, openForCommand } from "../open-model.js"
import { interruptible } from "../process/interrupt.js"
import {
  type DecodingFlags,
  decodingNotes,
  decodingOptions,
  statistics,
  streamAnswer,
  systemMessages,
} from "./generate.js"
import { askServer } from "./remote-chat.js"

const HELP = "/image FILE shows a picture with the next message, /reset starts anew, /quit ends"

/** What has been said, and the pictures waiting for the next message. */
class Conversation {
  messages: Message[]
  images: string[] = []
  #waiting: string[] = []

  constructor(system?: string) {
    this.messages = systemMessages(system)
  }

  /** @returns a line for the user */
  show(file: string): string {
    const url = urlProblem(file, "image")
    if (url) return urlSentence(url)
    if (!existsSync(file)) return `there is no file ${file}`
    this.#waiting.push(file)
    return `${file} goes with your next message`
  }
  ask(text: string): void {
    this.messages.push({ role: "user", content: imagePrompt(this.#waiting.length, text) })
    this.images.push(...this.#waiting)
    this.#waiting = []
  }
  /** Takes an unanswered question back. */
  retract(): void {
    const last = this.messages.pop()
    const shown = Array.isArray(last?.content) ? last.content.filter(({ type }) => type === "image").length : 0
    if (shown > 0) this.#waiting = this.images.splice(-shown)
  }
}

export interface ChatCommandOptions extends ModelOptions, DecodingFlags {
  model: string
  system?: string
  debug?: boolean
  /** A server that is asked instead of a model of this machine. */
  url?: string
  apiKey?: string
}

export async function chat(options: ChatCommandOptions): Promise<void> {
  await interruptible(async (signal) => {
    const answerer = options.url === undefined ? await loaded(options, signal) : await askServer(options.url, options)
    process.stderr.write(`${answerer.name} · ${HELP}\n`)
    const terminal = process.stdin.isTTY === true
    const lines = createInterface({ input: process.stdin, output: terminal ? process.stdout : undefined, prompt: "> " })
    // On a terminal readline takes Ctrl-C as a key.
    lines.on("SIGINT", () => process.kill(process.pid, "SIGINT"))
    signal.addEventListener("abort", () => lines.close(), { once: true })
    let conversation = new Conversation(options.system)
    if (terminal) lines.prompt()
    for await (const raw of lines) {
      const line = raw.trim()
      if (line === "/quit") break
      if (line === "/reset") conversation = new Conversation(options.system)
      else if (line.startsWith("/image"))
        process.stderr.write(`${conversation.show(line.slice("/image".length).trim())}\n`)
      else if (line.startsWith("/")) process.stderr.write(`${HELP}\n`)
      else if (line !== "") {
        // While readline reads keys, Ctrl-C is one of them; during an answer it must be a signal.
        if (terminal) process.stdin.setRawMode(false)
        await answer(answerer, conversation, line, options, signal)
        if (terminal && !signal.aborted) process.stdin.setRawMode(true)
      }
      if (signal.aborted) break
      if (terminal) lines.prompt()
    }
    lines.close()
  })
}

/** A model of this machine. */
async function loaded(options: ChatCommandOptions, signal: AbortSignal): Promise<Answerer> {
  const session = await openForCommand(options.model, options, signal)
  if (session.format instanceof PlainFormat) throw session.format.noConversations()
  return {
    name: options.model,
    async ask(question, isFirst) {
      const { text, stats, decoding } = await streamAnswer(session, question)
      // It is the same for every answer.
      const notes = isFirst ? decodingNotes(decoding, options.debug) : ""
      return { text, notes: `${notes}${statistics(session, stats)}` }
    },
  }
}

async function answer(
  answerer: Answerer,
  conversation: Conversation,
  line: string,
  options: ChatCommandOptions,
  signal: AbortSignal,
): Promise<void> {
  conversation.ask(line)
  try {
    const request = {
      messages: conversation.messages,
      images: conversation.images,
      signal,
      ...decodingOptions(options),
    }
    const first = !conversation.messages.some(({ role }) => role === "assistant")
    const { text, notes } = await answerer.ask(request, first)
    conversation.messages.push({ role: "assistant", content: text })
    process.stderr.write(`${notes}\n`)
  } catch (error) {
    // A model whose numbers are broken answers nothing else either.
    const { cause } = error as Error
    if (signal.aborted || cause instanceof NotFiniteError || cause instanceof EqualLogitsError) throw error
    // A picture that cannot be read costs this message, not the conversation.
    conversation.retract()
    process.stderr.write(`error: ${messageOf(error)}\n`)
  }
}
