/** What a user is told. */

import { expect } from "vitest"
import { UserError } from "../../src/errors.js"

/** The whole text of the UserError that the work ends in, or "no error". */
export function failureOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(UserError)
    return (error as UserError).format()
  }
  return "no error"
}
