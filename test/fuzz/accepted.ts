/** A fuzz target whose valid input is refused would find nothing. */

import { UserError } from "../../src/errors.js"

export async function acceptedAsItIs(name: string, work: () => unknown): Promise<void> {
  try {
    await work()
  } catch (error) {
    const why = error instanceof UserError ? error.format() : (error as Error).stack
    throw new Error(`the valid input is refused: ${name}: ${why}`)
  }
}
