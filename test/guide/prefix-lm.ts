/** A prefix language model: the prompt sees all of itself, the answer sees the prompt and what it has written so far. */

import { z } from "zod"
import {
  type AttentionPattern,
  causal,
  type DecodeLoop,
  type DecodingSettings,
  EmbeddingSources,
  forwardSelected,
  type Interval,
  inputOf,
  LikelihoodPlan,
  layOut,
  type Paradigm,
  type SelectedPositions,
  sampleTokens,
  tokenCrossEntropy,
} from "../../src/index.js"

/** The first `prefix` positions see each other; those behind see what is before them, and themselves. */
function prefixCausal(length: number, prefix: number): AttentionPattern {
  const behind = causal(length).spans.slice(prefix)
  return { queries: length, keys: length, spans: [{ queries: [0, prefix], keys: [[0, prefix]] }, ...behind] }
}

/** The prompt in one forward, all of it seen by all of it; then a token per forward. Knows no tensors. */
function* decode(prompt: Int32Array, { eos, genLength }: DecodingSettings): DecodeLoop<null> {
  const answer: number[] = []
  let milliseconds = 0
  while (answer.length < genLength && !eos.includes(answer.at(-1) ?? -1)) {
    const ids = answer.length === 0 ? prompt : Int32Array.of(answer[answer.length - 1])
    const end = prompt.length + answer.length
    const predicted = yield {
      type: "forward",
      start: end - ids.length,
      ids,
      blockSize: answer.length === 0 ? Number.POSITIVE_INFINITY : 1,
      commit: ids.length,
      wanted: Int32Array.of(end - 1),
      choice: null,
    }
    milliseconds += predicted.milliseconds
    const [block, position] = [answer.length, Int32Array.of(end)]
    answer.push(predicted.ids[0])
    yield { ...predicted, type: "step", block, step: 0, start: end, end: end + 1, positions: position, fixed: position }
  }
  const ended = eos.includes(answer[answer.length - 1])
  const tokens = answer.length - (ended ? 1 : 0)
  const stats = {
    forwards: answer.length,
    forwardsToEnd: answer.length,
    tokensComputed: prompt.length + tokens,
    tokens,
    milliseconds,
  }
  yield { type: "done", ids: Int32Array.from(answer), eosIndex: ended ? tokens : undefined, stats }
}

export const prefixLm: Paradigm = {
  name: "prefix-lm",
  noun: "a prefix language model",
  masks: false,
  per: "tokens",
  recipe: z.strictObject({}),
  record: () => ({ prefix: true }),
  check() {},
  layOut: (encoded, _, { imageSpans, maxLength }) => layOut(encoded, imageSpans, { maxLength }),
  objective(model, { samples, images }, { per }) {
    const features = model.encodeImages(images)
    const sources = new EmbeddingSources(model)
    const selected = samples.map((sample): SelectedPositions => {
      const { labels, positions: axes } = sample
      const length = labels.length
      return {
        sources: sources.of(inputOf(sample, features)),
        axes,
        positions: Array.from({ length }, (_, position) => position),
        pattern: prefixCausal(
          length,
          labels.findIndex((label) => label >= 0),
        ),
        outputPositions: Int32Array.from(labels.keys()).filter((position) => labels[position + 1] >= 0),
      }
    })
    const targets = selected.flatMap(({ outputPositions }, i) =>
      Array.from(outputPositions, (position) => samples[i].labels[position + 1]),
    )
    const losses = tokenCrossEntropy(model, forwardSelected(model, selected, sources), targets)
    const tokensPerSample = selected.map(({ outputPositions }) => outputPositions.length)
    const means = losses.split(tokensPerSample).map((own) => own.mean())
    const sum = per === "tokens" ? losses.sum() : means.reduce((total, mean) => total.add(mean))
    const count = per === "tokens" ? targets.length : samples.length
    return { sum, count, tokenCrossEntropy: losses.detach(), tokensPerSample, metrics: {} }
  },
  nothingLearned: ["is labelled"],
  options: [],
  ends: ({ config }) => config.tokens.eos,
  settings: ({ eos }, { maxTokens }, _, report) => ({
    eos,
    genLength: report.choose("maxTokens", [["option", maxTokens], ["default", 128] as const]),
  }),
  decode: ({ ids }, settings) => ({
    loop: decode(ids, settings),
    length: ids.length + settings.genLength,
    choose: (logits) => sampleTokens(logits, {}, []),
  }),
  likelihoods({ ids: prompt }, answers) {
    const plan = new LikelihoodPlan({ answers: answers.length })
    answers.forEach((tokens, answer) => {
      const rows = plan.withRoom(prompt.length + tokens.length)
      const first = rows.length
      for (let position = 0; position < prompt.length; position++) rows.addPrompt(position)
      tokens.forEach((token, i) => {
        rows.predict({ answer, row: rows.length - 1, token })
        rows.addToken(token, prompt.length + i)
      })
      for (const { queries, keys } of prefixCausal(prompt.length + tokens.length, prompt.length).spans)
        rows.see(behind(queries, first), ...keys.map((interval) => behind(interval, first)))
    })
    return plan
  },
}

/** Rows that other rows come before. */
const behind = ([from, to]: Interval, first: number): Interval => [first + from, first + to]
