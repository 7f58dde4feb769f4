/** Numbers of a model that are not finite. Noticed on what is read from the device anyhow; the cause is looked for only then. */

/** The logits of the model hold NaN or an infinity of either sign. */
export class NotFiniteError extends Error {
  constructor() {
    super("the logits are not finite")
    this.name = "NotFiniteError"
  }
}

/** All logits of a row are the same, so no token is more likely than another: numbers on the way overflowed or vanished. */
export class EqualLogitsError extends Error {
  constructor() {
    super("the logits are all the same")
    this.name = "EqualLogitsError"
  }
}

/** The logits are finite, but the rules of decoding leave no token. */
export class NothingLeftError extends Error {
  constructor() {
    super("the rules of decoding leave no token")
    this.name = "NothingLeftError"
  }
}

/** @throws NotFiniteError when a probability, or the logarithm of one, is none */
export function requireFinite(values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) throw new NotFiniteError()
}
