/**
 * What a format costs: time of a decoding step with and without one, in turns, on any model.
 * node scripts/source.mjs bench/structured.ts [--model NAME] [--max-tokens N] [--rounds N] [--remasking STRATEGY]
 */

import { parseArgs } from "node:util"
import { type AnswerFormat, type DecodingOptions, generate, openModel } from "../src/index.js"

const FORMATS: Record<string, AnswerFormat | undefined> = {
  "no format": undefined,
  pattern: { type: "regex", pattern: "[a-z]+( [a-z]+){2,12}\\." },
  "JSON Schema": {
    type: "json_schema",
    schema: {
      type: "object",
      properties: {
        name: { type: "string", maxLength: 40 },
        colours: { type: "array", items: { enum: ["red", "green", "blue"] }, maxItems: 3 },
        size: { type: "integer", minimum: 0, maximum: 100 },
      },
      required: ["name", "colours", "size"],
    },
  },
  "any JSON object": { type: "json_object" },
}

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "emoji-diffusion" },
    "max-tokens": { type: "string", default: "32" },
    rounds: { type: "string", default: "5" },
    remasking: { type: "string" },
  },
})
const session = await openModel(values.model)
const strategy = values.remasking as DecodingOptions["strategy"]
/** Milliseconds from one step to the next, in the first answer, which makes the automaton, and in later ones. */
const times = Object.fromEntries(
  Object.keys(FORMATS).map((name) => [name, { first: [] as number[], later: [] as number[] }]),
)
for (let round = 0; round <= Number(values.rounds); round++)
  for (const [name, format] of Object.entries(FORMATS)) {
    const request = {
      messages: [{ role: "user" as const, content: "What is it? Answer as JSON." }],
      maxTokens: Number(values["max-tokens"]),
      strategy,
      format,
    }
    let before: number | undefined
    for await (const event of generate(session, request)) {
      // Where tokens hide, text comes with a step.
      if (event.type === "done" || (session.paradigm.masks && event.type === "text")) continue
      const now = performance.now()
      // The first step has the prompt in it.
      if (before !== undefined) times[name][round === 0 ? "first" : "later"].push(now - before)
      before = now
    }
  }
const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
console.log(`${session.name} · ${session.paradigm.noun} · vocabulary ${session.model.vocabSize}`)
for (const [name, { first, later }] of Object.entries(times)) {
  const ratio = median(later) / median(times["no format"].later)
  console.log(
    `${name.padEnd(16)} ${median(later).toFixed(2)} ms per step (${ratio.toFixed(2)} ×); slowest step of the first answer ${Math.max(...first).toFixed(1)} ms`,
  )
}
