/** A client of a model that is loaded in this program. */

import { UserError } from "../../errors.js"
import type { Session } from "../../generate/session.js"
import { readPicture } from "../../image/file.js"
import { ApiError } from "../api-error.js"
import { answer } from "../engine/answer.js"
import { servedModel } from "../engine/served-model.js"
import type { AnswerRequest } from "../request.js"
import type { Client, ClientEvent, ClientRequest } from "./client.js"

export function localClient(session: Session): Client {
  const model = servedModel(session.name, session)
  // What fits the model is asked of nobody else's memory.
  const limits = { pixels: Number.POSITIVE_INFINITY, promptTokens: model.context, answerTokens: model.context }
  return {
    models: async () => [model],
    async *answer(request) {
      const { signal } = request
      let text = ""
      let promptTokens = 0
      try {
        for await (const event of answer(session, await asked(model.id, request), limits, signal)) {
          signal?.throwIfAborted()
          if (event.type === "started") promptTokens = event.promptTokens
          else if (event.type === "finished") {
            const { reason, statistics } = event
            yield {
              type: "done",
              text,
              reason: reason === "length" ? "length" : "stop",
              statistics: { promptTokens, ...statistics },
            }
          } else {
            if (event.type === "text") text += event.text
            const { index: _, ...told } = event
            yield told as ClientEvent
          }
        }
      } catch (error) {
        throw error instanceof ApiError ? new UserError(error.message, { cause: error }) : error
      }
    },
  }
}

async function asked(id: string, request: ClientRequest): Promise<AnswerRequest> {
  const { model = id, messages, images = [], maxTokens, stop = [], signal: _, ...decoding } = request
  if (model !== id) throw new UserError(`there is no model ${model} here`, { fix: `it is ${id}` })
  const pictures = []
  for (const image of images) pictures.push({ bytes: typeof image === "string" ? await readPicture(image) : image })
  return {
    model,
    prompt: { messages: [...messages] },
    pictures,
    decoding,
    ...(maxTokens !== undefined && { maxTokens }),
    stop: [...stop],
    n: 1,
    progress: true,
  }
}
