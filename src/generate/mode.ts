/** The same weights decoded in another paradigm than they were trained in: architecture and paradigm are decoupled. */

import { withMaskToken } from "../checkpoint/mask-token.js"
import { UserError } from "../errors.js"
import { paradigms } from "../paradigms/registry.js"
import { shown } from "../readable.js"
import type { Unloaded } from "./session.js"

/**
 * The session that decodes in this mode: what is loaded and what is kept of earlier requests are shared.
 * @param mode name of a paradigm; the model's own if not given
 * @throws UserError when there is no such paradigm, or the model lacks what it needs, such as a row for the mask
 */
export function inMode<S extends Unloaded>(session: S, mode: string | undefined): S {
  if (mode === undefined || mode === session.paradigm.name) return session
  const paradigm = paradigms().find(({ name }) => name === mode)
  if (!paradigm)
    throw new UserError(`there is no mode ${shown(mode)}`, {
      fix: `it can be ${paradigms()
        .map(({ name }) => name)
        .join(", ")}`,
    })
  const { folder, tokenizer } = session
  const needsMask = paradigm.masks && !session.paradigm.masks
  const config = needsMask ? withMaskToken(session.config, (id) => tokenizer.token(id), folder) : session.config
  const { mask = 0 } = config.tokens
  if (paradigm.masks && mask >= config.text.vocabSize)
    throw new UserError(
      `the model cannot be decoded as ${paradigm.noun}: its mask, token ${mask}, is outside its vocabulary of ${config.text.vocabSize}`,
      { where: folder, fix: "translate the model: that gives it one" },
    )
  const opened = { ...session, config }
  paradigm.checkGeneration?.(opened)
  // An answer also ends where the model has learned to end it.
  const eos = [...new Set([...paradigm.ends(opened), ...session.eos])]
  return { ...opened, paradigm, eos, trainedIn: session.trainedIn ?? session.paradigm }
}

/** A sentence where the model was trained in another paradigm than it is decoded in. */
export function modeWarning({ paradigm, trainedIn }: Pick<Unloaded, "paradigm" | "trainedIn">): string | undefined {
  if (!trainedIn || trainedIn === paradigm) return undefined
  return `the model was not trained for this mode: it is ${trainedIn.noun}, decoded as ${paradigm.noun}`
}

/** Names of the paradigms that a model can be decoded in, its own first. */
export function modesOf(session: Unloaded): string[] {
  const own = session.paradigm.name
  const others = paradigms().filter(({ name }) => name !== own && canBe(session, name))
  return [own, ...others.map(({ name }) => name)]
}

function canBe(session: Unloaded, mode: string): boolean {
  try {
    inMode(session, mode)
    return true
  } catch (error) {
    if (error instanceof UserError) return false
    throw error
  }
}
