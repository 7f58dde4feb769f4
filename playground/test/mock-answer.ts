/** An answer of the mock server: its text is denoised block by block, the most certain tokens first, as a model would. */

import type { ServerResponse } from "node:http"
import type { ChatRequest, DraftToken } from "../src/protocol/contract.js"

export interface Reply {
  text: string
  /** Called before each step, which waits for it. */
  step?: (step: number) => Promise<void>
  /** Refused with this status; the text is the message. */
  status?: number
  retryAfter?: number
  /** An error in the stream after the first block. */
  breaks?: string
}

export async function writeAnswer(response: ServerResponse, reply: Reply, asked: ChatRequest): Promise<void> {
  const tokens = reply.text.match(/\s?\S+|\s/g) ?? []
  const alone = (asked.diffusion.mode ?? asked.model).endsWith("autoregressive") || asked.model === "emoji-ar"
  const size = alone ? 1 : (asked.diffusion.block_size ?? 8)
  response.setHeader("content-type", "text/event-stream")
  const write = (data: unknown, event?: string) =>
    response.write(
      `${event ? `event: ${event}\n` : ""}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`,
    )
  const chunk = (content?: string, finish: string | null = null) =>
    write({ object: "chat.completion.chunk", choices: [{ index: 0, delta: { content }, finish_reason: finish }] })
  chunk("")
  let forwards = 1
  let step = 0
  const next = async () => reply.step?.(step++)
  for (let start = 0; start < tokens.length && !response.destroyed; start += size) {
    const block = tokens.slice(start, start + size)
    if (!alone) forwards += await writeDrafts(block, start, size, next, write)
    else await next()
    const committed = block.map((text, i) => ({ position: start + i, text, confidence: sureness(start + i) }))
    write({ index: 0, start, end: start + block.length, text: block.join(""), tokens: committed }, "commit")
    chunk(block.join(""))
    forwards++
    if (reply.breaks) return void response.end(`data: ${JSON.stringify({ error: { message: reply.breaks } })}\n\n`)
  }
  chunk(undefined, "stop")
  const milliseconds = forwards * 11
  write({
    choices: [],
    usage: {
      prompt_tokens: 87,
      completion_tokens: tokens.length,
      prompt_tokens_details: { cached_tokens: asked.messages.length > 1 ? 64 : 0 },
      diffusion: {
        forwards,
        nfe_per_token: forwards / tokens.length,
        tokens_per_second: tokens.length / (milliseconds / 1000),
        milliseconds,
      },
    },
  })
  write("[DONE]")
  response.end()
}

/** Two tokens a step, the surest first; tokens next to settled ones have a candidate, others none yet. */
async function writeDrafts(
  block: readonly string[],
  start: number,
  size: number,
  next: () => Promise<void>,
  write: (data: unknown, event: string) => void,
): Promise<number> {
  const order = block.map((_, i) => i).sort((a, b) => sureness(start + b) - sureness(start + a))
  const steps = Math.ceil(block.length / 2)
  for (let step = 0; step < steps; step++) {
    await next()
    const fixed = new Set(order.slice(0, 2 * (step + 1)))
    const tokens = block.map((text, i): DraftToken => {
      const isKnown = fixed.has(i) || step > 0 || fixed.has(i - 1) || fixed.has(i + 1)
      const confidence = fixed.has(i) ? sureness(start + i) : sureness(start + i) * (0.3 + (0.5 * (step + 1)) / steps)
      return {
        position: start + i,
        text: isKnown ? text : null,
        confidence: isKnown ? confidence : null,
        fixed: fixed.has(i),
      }
    })
    write({ index: 0, block: start / size, step, start, end: start + block.length, tokens }, "draft")
  }
  return steps
}

/** The same for a position at each run. */
const sureness = (position: number): number => 0.55 + 0.44 * Math.abs(Math.sin(position * 2.3 + 1))
