/**
 * What a format costs: time of a decoding step with and without one, in turns, on any model.
 * node scripts/source.mjs bench/structured.ts [--model NAME] [--max-tokens N] [--rounds N] [--remasking STRATEGY]
 */

import { parseArgs } from "node:util"
import { type AnswerFormat, type DecodingOptions, generateText, openModel } from "../src/index.js"

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
const times: Record<string, { first: number; steps: number[]; tokens: number }> = {}
for (let round = 0; round <= Number(values.rounds); round++)
  for (const [name, format] of Object.entries(FORMATS)) {
    const started = performance.now()
    const { stats } = await generateText(session, {
      messages: [{ role: "user", content: "What is it? Answer as JSON." }],
      maxTokens: Number(values["max-tokens"]),
      strategy,
      format,
    })
    const perStep = (performance.now() - started - stats.prepareMilliseconds) / stats.forwards
    // The first answer makes the automaton; it is told by itself.
    if (round === 0) times[name] = { first: perStep, steps: [], tokens: stats.tokens }
    else times[name].steps.push(perStep)
  }
const median = (numbers: number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]
console.log(`${session.name} · ${session.paradigm.noun} · vocabulary ${session.model.vocabSize}`)
for (const [name, { first, steps, tokens }] of Object.entries(times)) {
  const step = median(steps)
  const ratio = step / median(times["no format"].steps)
  console.log(
    `${name.padEnd(16)} ${step.toFixed(2)} ms per step (${ratio.toFixed(2)} ×), in the first answer ${first.toFixed(2)}; ${tokens} tokens`,
  )
}
