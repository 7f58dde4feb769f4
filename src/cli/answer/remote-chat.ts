/** A conversation with a server. */

import { UserError } from "../../errors.js"
import type { ClientStatistics } from "../../serve/client/client.js"
import { createClient } from "../../serve/client/create.js"
import type { DraftToken } from "../../serve/request.js"
import type { Answerer } from "../eval/answerer.js"
import { DenoiseView } from "../ui/denoise.js"

/** @throws UserError when the server cannot be reached or has no such model */
export async function askServer(
  url: string,
  { model: wanted, apiKey = process.env.DIFFUSIONVL_API_KEY }: { model?: string; apiKey?: string },
): Promise<Answerer> {
  const client = createClient({ url, ...(apiKey !== undefined && { apiKey }) })
  const models = await client.models()
  const model = wanted ?? models[0]?.id
  if (!models.some(({ id }) => id === model))
    throw new UserError(`the server has no model ${model}`, {
      where: url,
      fix: `it has ${models.map(({ id }) => id).join(", ")}`,
    })
  return {
    name: `${model} at ${url}`,
    async ask(question) {
      const view = new DenoiseView()
      try {
        for await (const event of client.answer({ ...question, model })) {
          if (event.type === "text") view.show(event)
          else if (event.type === "draft") view.show({ type: "step", cells: undecided(event.tokens) })
          else if (event.type === "done") return { text: event.text, notes: statisticsLine(model, event.statistics) }
        }
        throw new Error("the answer ended without its end")
      } finally {
        view.finish()
      }
    },
  }
}

/** What stands behind the text that is final: what is decided there, and what is not. */
function undecided(tokens: readonly DraftToken[]): (string | null)[] {
  const first = tokens.findIndex(({ fixed }) => !fixed)
  return first < 0 ? [] : tokens.slice(first).map(({ text, fixed }) => (fixed ? text : null))
}

function statisticsLine(
  model: string,
  { promptTokens, cachedTokens, tokens, forwards, milliseconds, warning }: ClientStatistics,
): string {
  const seconds = milliseconds / 1000
  const parts = [
    model,
    `prompt ${promptTokens} tokens${cachedTokens > 0 ? `, ${cachedTokens} of them from the cache` : ""}`,
    `${tokens} tokens in ${seconds.toFixed(2)} s (${(tokens / Math.max(seconds, 1e-9)).toFixed(1)} tokens/s)`,
    `${forwards} forwards, ${(forwards / Math.max(tokens, 1)).toFixed(2)} per token`,
  ]
  return `${warning === undefined ? "" : `warning: ${warning}\n`}${parts.join(" · ")}`
}
