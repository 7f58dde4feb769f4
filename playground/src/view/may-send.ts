/** Whether a question can be sent as things are, and if not, why. */

import type { Signal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { type Choice, choiceFits, NO_CHOICE } from "../protocol/choice.js"
import type { Question } from "../protocol/request.js"
import { isReady, modelOf, models } from "../state/models.js"

/** A sentence; undefined where it can be sent. */
export function reasonNotToSend({ pictures }: Question, choices: readonly Choice[]): string | undefined {
  if (!models.value) return "The server's models are not known yet."
  if (!choices.every(choiceFits)) return "A number in the settings does not fit."
  for (const { model } of choices) {
    const served = modelOf(model)
    if (!served) return "The server has no such model."
    if (served.diffusion?.error) return `${model} could not be loaded.`
    if (!isReady(served)) return `${model} is still loading.`
    if (pictures.length > 0 && served.diffusion?.images === false)
      return `${model} sees no pictures: remove them, or choose another model.`
  }
  return undefined
}

/** Choices of a model that the server does not have become choices of its first one. */
export function useKnownModel(choices: readonly Signal<Choice>[]): void {
  const known = models.value
  useEffect(() => {
    for (const choice of known?.length ? choices : []) {
      if (!modelOf(choice.peek().model)) choice.value = { ...NO_CHOICE, model: known?.[0].id ?? "" }
    }
  }, [known])
}
