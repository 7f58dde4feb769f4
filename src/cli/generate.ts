/** Answers one prompt on the terminal, or as JSON. */

import { text as readAll } from "node:stream/consumers"
import { UserError } from "../errors.js"
import { type GenerateOptions, type GenerateStats, generate, generateText } from "../generate/generate.js"
import type { DecodingOptions } from "../generate/options.js"
import type { Session } from "../generate/session.js"
import { imagePrompt } from "../text/conversation.js"
import { interruptible } from "./interrupt.js"
import { type ModelOptions, openForCommand } from "./open-model.js"
import { DenoiseView } from "./ui/denoise.js"

export interface GenerateCommandOptions extends ModelOptions, DecodingFlags {
  model: string
  image?: string[]
  json?: boolean
  stream: boolean
}

/** Decoding as the command line names it. */
export interface DecodingFlags extends Omit<DecodingOptions, "strategy"> {
  remasking?: DecodingOptions["strategy"]
}

/** Of all command-line options, those the decoder knows. */
export function decodingOptions(options: DecodingFlags): DecodingOptions {
  const { maxTokens, blockSize, steps, threshold, remasking: strategy, temperature, topK, topP, seed } = options
  return { maxTokens, blockSize, steps, threshold, strategy, temperature, topK, topP, seed }
}

export async function generateCommand(given: string | undefined, options: GenerateCommandOptions): Promise<void> {
  const prompt = given ?? (process.stdin.isTTY ? "" : (await readAll(process.stdin)).trim())
  const images = options.image ?? []
  if (prompt === "" && images.length === 0)
    throw new UserError("there is nothing to answer", {
      fix: 'for example: diffusionvl generate --image cat.png "What is this?"',
    })
  await interruptible(async (signal) => {
    const session = await openForCommand(options.model, options, signal)
    const request: GenerateOptions = {
      messages: [{ role: "user", content: imagePrompt(images.length, prompt || "What is this?") }],
      images,
      signal,
      ...decodingOptions(options),
    }
    if (options.json) {
      const { text, stats } = await generateText(session, request)
      process.stdout.write(`${JSON.stringify({ model: options.model, text, stats })}\n`)
    } else {
      const stats = options.stream ? await stream(session, request) : await whole(session, request)
      process.stderr.write(`${statistics(session, stats)}\n`)
    }
  })
}

async function whole(session: Session, request: GenerateOptions): Promise<GenerateStats> {
  const { text, stats } = await generateText(session, request)
  process.stdout.write(`${text}\n`)
  return stats
}

/** Shows the answer while it comes about; gives its text and statistics. */
export async function streamAnswer(
  session: Session,
  request: GenerateOptions,
): Promise<{ text: string; stats: GenerateStats }> {
  const view = new DenoiseView()
  try {
    for await (const event of generate(session, request)) {
      if (event.type === "done") return { text: event.text, stats: event.stats }
      view.show(event)
    }
    throw new Error("decoding ended without a result")
  } finally {
    view.finish()
  }
}

const stream = async (session: Session, request: GenerateOptions): Promise<GenerateStats> =>
  (await streamAnswer(session, request)).stats

/** One line: what it cost. */
export function statistics(session: Session, stats: GenerateStats): string {
  const { promptRows, prepareMilliseconds, tokens, milliseconds, forwards, forwardsToEnd } = stats
  const parts = [
    `${session.name} · ${session.dtype} · ${session.device}`,
    `prompt ${promptRows} tokens, prepared in ${(prepareMilliseconds / 1000).toFixed(2)} s`,
    `${tokens} tokens in ${(milliseconds / 1000).toFixed(2)} s (${(tokens / Math.max(milliseconds / 1000, 1e-9)).toFixed(1)} tokens/s)`,
    `${forwards} forwards, ${(forwardsToEnd / Math.max(tokens, 1)).toFixed(2)} per token`,
  ]
  return parts.join(" · ")
}
