/** What is told of the models, and whether the server is well. */

import { ApiError } from "../api-error.js"
import type { ModelState } from "../engine/engine.js"
import type { Server } from "./context.js"

/** Of no model is known when it was made. */
const CREATED = 0

function describe({ id, model, progress, error }: ModelState): object {
  return {
    id,
    object: "model",
    created: CREATED,
    owned_by: "diffusionvl",
    diffusion: {
      paradigm: model?.paradigm ?? null,
      images: model?.images ?? false,
      default: model?.default ?? null,
      modes: model?.modes ?? [],
      context: model?.context ?? null,
      fingerprint: model?.fingerprint ?? null,
      ready: model !== undefined,
      ...(!model && progress !== undefined && { progress }),
      ...(error !== undefined && { error: "it could not be loaded; the server's log says why" }),
    },
  }
}

export const modelList = (states: readonly ModelState[]): object => ({ object: "list", data: states.map(describe) })

/** @throws ApiError for a model that is not there */
export function oneModel(states: readonly ModelState[], id: string): object {
  const state = states.find((model) => model.id === id)
  if (!state)
    throw new ApiError(404, `there is no model ${JSON.stringify(id.slice(0, 200))} here`, {
      code: "model_not_found",
      param: "model",
    })
  return describe(state)
}

/** 503 where nothing could be answered now or soon: the engine has ended, no model could be loaded, or the server is ending. */
export function health({ engine, places, isEnding }: Server): { status: 200 | 503; body: object } {
  const isUseless = engine.state === "ready" && engine.models().every(({ model }) => model === undefined)
  const state = isEnding ? "ending" : isUseless ? "unavailable" : engine.state
  return {
    status: state === "ready" || state === "loading" ? 200 : 503,
    body: {
      status: state,
      running: places.running,
      waiting: places.waiting,
      models: engine.models().map(({ id, model, progress, error }) => ({
        id,
        ready: model !== undefined,
        ...(!model && progress !== undefined && { progress }),
        ...(error !== undefined && { error: "it could not be loaded; the server's log says why" }),
      })),
    },
  }
}
