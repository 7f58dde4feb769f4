/**
 * What the second question about a picture costs over the first one: from the pixels to the first tokens of the answer.
 *
 * node scripts/source.mjs bench/prefix-reuse.ts [--model NAME] [--pixels N] [--rounds N] [--device NAME] [--json]
 */

import { parseArgs } from "node:util"
import { decode } from "../src/generate/generate.js"
import { preparePrompt } from "../src/generate/prepare.js"
import { openModel, type Session } from "../src/generate/session.js"
import type { RgbImage } from "../src/image/decode.js"
import { imageProcessorOf } from "../src/models/vision/images.js"
import { spreadOf } from "../src/report/spread.js"
import { imagePrompt } from "../src/text/conversation.js"
import type { Device } from "../src/torch/index.js"

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "emoji-diffusion" },
    // 448 × 448: 256 tokens of a Qwen2.5-VL.
    pixels: { type: "string", default: "200704" },
    rounds: { type: "string", default: "5" },
    device: { type: "string", default: "auto" },
    json: { type: "boolean", default: false },
  },
})

const GOAL = 0.15
const QUESTIONS = ["What is this?", "What colour is it, and what is it for?"]

interface Cost {
  /** Milliseconds from the pixels to the prompt: resizing, the vision tower. */
  prepared: number
  /** From there to the first tokens. */
  begun: number
  promptTokens: number
  cachedTokens: number
}

async function costOf(session: Session, image: RgbImage, question: string): Promise<Cost> {
  const started = performance.now()
  const prompt = await preparePrompt(session, [{ role: "user", content: imagePrompt(1, question) }], [image])
  const prepared = performance.now()
  let begun: number | undefined
  let cachedTokens = 0
  for await (const event of decode(session, prompt, { maxTokens: 8, temperature: 0 })) {
    if (event.type === "step") begun ??= performance.now()
    if (event.type === "done") cachedTokens = event.stats.cachedTokens ?? 0
  }
  return {
    prepared: prepared - started,
    begun: (begun ?? prepared) - prepared,
    promptTokens: prompt.ids.length,
    cachedTokens,
  }
}

const session = await openModel(values.model, { device: values.device as Device | "auto" })
const pixels = Number(values.pixels)
if (session.images?.follows?.includes("limits"))
  session.images = imageProcessorOf(session.config, session.folder, { minPixels: pixels, maxPixels: pixels })
const side = Math.round(Math.sqrt(pixels))
const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * i * 7 + 31 * i) % 251)
const image: RgbImage = { width: side, height: side, data }

const rounds: [first: Cost, second: Cost][] = []
// One that does not count: the first forwards of a model set everything up.
for (let round = 0; round <= Number(values.rounds); round++) {
  session.executor.clear()
  const costs = [await costOf(session, image, QUESTIONS[0]), await costOf(session, image, QUESTIONS[1])] as const
  if (round > 0) rounds.push([...costs])
}
const total = ({ prepared, begun }: Cost): number => prepared + begun
const median = (of: (round: [Cost, Cost]) => number): number => spreadOf(rounds.map(of)).median
const ratio = spreadOf(rounds.map(([first, second]) => total(second) / total(first)))
const [first, second] = rounds[0]
const found = {
  model: session.name,
  promptTokens: [first.promptTokens, second.promptTokens],
  cachedTokens: second.cachedTokens,
  first: { prepared: median(([one]) => one.prepared), begun: median(([one]) => one.begun) },
  second: { prepared: median(([, two]) => two.prepared), begun: median(([, two]) => two.begun) },
  ratio,
  goal: GOAL,
}
if (values.json) process.stdout.write(`${JSON.stringify(found)}\n`)
else {
  const line = (name: string, { prepared, begun }: { prepared: number; begun: number }): string =>
    `${name}  picture ${prepared.toFixed(1)} ms, first tokens ${begun.toFixed(1)} ms\n`
  process.stdout.write(
    `${session.name} · ${session.dtype} · ${session.device} · ${second.cachedTokens} of ${second.promptTokens} tokens known\n` +
      line("first question ", found.first) +
      line("second question", found.second) +
      `second / first ${(100 * ratio.median).toFixed(0)} % (${(100 * ratio.low).toFixed(0)}–${(100 * ratio.high).toFixed(0)}), goal ${100 * GOAL} %\n`,
  )
}
