/** Answers one prompt on the terminal, or as JSON. */

import type { Readable } from "node:stream"
import { text as readAll } from "node:stream/consumers"
import { UserError } from "../../errors.js"
import { type GenerateOptions, type GenerateStats, generate, generateText } from "../../generate/generate.js"
import type { Session } from "../../generate/session.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import type { DecodingReport } from "../../paradigms/decoding-report.js"
import { imagePrompt, type Message } from "../../text/conversation.js"
import { PlainFormat } from "../../text/formats/plain-format.js"
import { type ModelOptions, openForCommand } from "../open-model.js"
import { interruptible } from "../process/interrupt.js"
import { DenoiseView } from "../ui/denoise.js"
import { answerFormat, type FormatFlags } from "./answer-format.js"

export interface GenerateCommandOptions extends ModelOptions, DecodingFlags, FormatFlags {
  model: string
  system?: string
  image?: string[]
  json?: boolean
  stream: boolean
  debug?: boolean
}

/** Decoding as the command line names it. */
export interface DecodingFlags extends Omit<DecodingOptions, "strategy" | "noRepeatNgramSize" | "format"> {
  remasking?: DecodingOptions["strategy"]
  /** `--no-repeat-ngram-size n`; true when it is not given. */
  repeatNgramSize?: number | true
}

/** What `--system` says before a conversation. */
export const systemMessages = (system: string | undefined): Message[] =>
  system === undefined ? [] : [{ role: "system", content: system }]

/** Of all command-line options, those the decoder knows. */
export function decodingOptions(options: DecodingFlags): DecodingOptions {
  const { maxTokens, blockSize, steps, threshold, remasking: strategy, temperature, topK, topP, seed } = options
  const { minP, typicalP, repetitionPenalty, repeatNgramSize, minTokens, generationConfig } = options
  const noRepeatNgramSize = repeatNgramSize === true ? undefined : repeatNgramSize
  const { guidance, prefixRefresh, stop, mode } = options
  const blocks = { mode, blockSize, steps, threshold, strategy, guidance, prefixRefresh, stop }
  const sampling = { temperature, topK, topP, minP, typicalP, seed }
  return { maxTokens, ...blocks, ...sampling, repetitionPenalty, noRepeatNgramSize, minTokens, generationConfig }
}

export async function generateCommand(given: string | undefined, options: GenerateCommandOptions): Promise<void> {
  const images = options.image ?? []
  const prompt = given ?? (await readQuestion(images.length > 0))
  if (prompt === "" && images.length === 0)
    throw new UserError("there is nothing to answer", {
      fix: 'for example: diffusionvl generate --image cat.png "What is this?"',
    })
  const format = answerFormat(options)
  await interruptible(async (signal) => {
    const session = await openForCommand(options.model, options, signal)
    if (session.format instanceof PlainFormat)
      process.stderr.write("note: the model has no chat template: it continues the text\n")
    const request: GenerateOptions = {
      messages: [
        ...systemMessages(options.system),
        { role: "user", content: imagePrompt(images.length, prompt || "What is this?") },
      ],
      images,
      signal,
      ...decodingOptions(options),
      format,
    }
    if (options.json) {
      const { text, stats, decoding } = await generateText(session, request)
      const { applied, notApplied, warnings } = decoding
      const told = { applied, notApplied, ...(warnings.length > 0 && { warnings }) }
      process.stdout.write(`${JSON.stringify({ model: options.model, text, stats, decoding: told })}\n`)
      process.stderr.write(decodingNotes(decoding, options.debug))
    } else {
      const { stats, decoding } = options.stream ? await streamAnswer(session, request) : await whole(session, request)
      process.stderr.write(`${decodingNotes(decoding, options.debug)}${statistics(session, stats)}\n`)
    }
  })
}

/** Standard input and where it is told that it is waited for; tests pass their own. */
export interface QuestionSource {
  input: Readable & { isTTY?: boolean }
  output: { isTTY?: boolean; write(text: string): unknown }
}

/** The question from standard input. Whoever sits at the terminal has to know that it is waited for. */
export async function readQuestion(
  hasImages: boolean,
  { input, output }: QuestionSource = { input: process.stdin, output: process.stderr },
): Promise<string> {
  // A picture alone is a question.
  if (input.isTTY && hasImages) return ""
  const tell = () => output.write("reading the question from standard input; end with Ctrl-D\n")
  if (input.isTTY) tell()
  // A pipe is mostly read at once, and then nobody needs to be told.
  const timer = !input.isTTY && output.isTTY ? setTimeout(tell, 1000) : undefined
  try {
    return (await readAll(input)).trim()
  } finally {
    clearTimeout(timer)
  }
}

interface Shown {
  text: string
  stats: GenerateStats
  decoding: DecodingReport
}

/** Warnings, what transformers would have done and this has not, and with --debug all that decided how the answer was decoded. */
export function decodingNotes(report: DecodingReport, debug = false): string {
  const notes = report.notApplied
    .filter(({ differs }) => differs && !debug)
    .map(({ key, value, from, why }) => `note: ${key} ${value} of ${from} is not applied: ${why}`)
  const warnings = report.warnings.map((sentence) => `warning: ${sentence}`)
  const lines = debug ? report.lines().map((line) => `decoding: ${line}`) : [...warnings, ...notes]
  return lines.map((line) => `${line}\n`).join("")
}

async function whole(session: Session, request: GenerateOptions): Promise<Shown> {
  const result = await generateText(session, request)
  process.stdout.write(`${result.text}\n`)
  return result
}

/** Shows the answer while it comes about; gives its text and statistics. */
export async function streamAnswer(session: Session, request: GenerateOptions): Promise<Shown> {
  const view = new DenoiseView()
  try {
    for await (const event of generate(session, request)) {
      if (event.type === "done") return event
      view.show(event)
    }
    throw new Error("decoding ended without a result")
  } finally {
    view.finish()
  }
}

/** One line: what it cost. */
export function statistics(session: Session, stats: GenerateStats): string {
  const { promptTokens, cachedTokens, prepareMilliseconds, tokens, milliseconds, forwards, forwardsToEnd } = stats
  const known = cachedTokens > 0 ? `, ${cachedTokens} of them known from before` : ""
  const parts = [
    `${session.name} · ${session.dtype} · ${session.device}`,
    `prompt ${promptTokens} tokens${known}, prepared in ${(prepareMilliseconds / 1000).toFixed(2)} s`,
    `${tokens} tokens in ${(milliseconds / 1000).toFixed(2)} s (${(tokens / Math.max(milliseconds / 1000, 1e-9)).toFixed(1)} tokens/s)`,
    `${forwards} forwards, ${(forwardsToEnd / Math.max(tokens, 1)).toFixed(2)} per token`,
  ]
  return parts.join(" · ")
}
