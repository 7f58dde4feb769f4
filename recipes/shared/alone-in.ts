/** A run is alone in its folder: a second one beside it is refused. */

import { lockFolder } from "../../src/checkpoint/lock.js"
import { makeFolder } from "../../src/make-folder.js"

/** Does the work with the folder made and locked. */
export async function aloneIn<T>(folder: string, work: () => Promise<T>): Promise<T> {
  makeFolder(folder)
  const lock = lockFolder(folder)
  try {
    return await work()
  } finally {
    lock.release()
  }
}
