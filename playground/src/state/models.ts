/** The models that the server has, asked for until they are all loaded. */

import { signal } from "@preact/signals"
import { listModels } from "../protocol/client.js"
import type { ServedModel } from "../protocol/contract.js"
import { type Problem, problemOf } from "../protocol/problem.js"
import { stored } from "./stored.js"

/** Undefined until the server answered. */
export const models = signal<readonly ServedModel[] | undefined>(undefined)
export const modelsProblem = signal<Problem | undefined>(undefined)
export const apiKey = stored("api-key", "")

/** A served model by its name. */
export const modelOf = (id: string): ServedModel | undefined => models.value?.find((model) => model.id === id)

/** Whether a model can answer now; the server says nothing about models it does not load. */
export const isReady = (model: ServedModel | undefined): boolean => model?.diffusion?.ready ?? true

export const isLoading = (model: ServedModel): boolean => !isReady(model) && !model.diffusion?.error

let timer: ReturnType<typeof setTimeout> | undefined

export async function loadModels(): Promise<void> {
  clearTimeout(timer)
  try {
    models.value = await listModels({ key: apiKey.value })
    modelsProblem.value = undefined
    if (models.value.some(isLoading)) timer = setTimeout(loadModels, 700)
  } catch (error) {
    modelsProblem.value = problemOf(error)
    // A server that is starting, or was restarted, is found again; a missing key has to be typed.
    if (modelsProblem.value.way !== "key") timer = setTimeout(loadModels, 3000)
  }
}
