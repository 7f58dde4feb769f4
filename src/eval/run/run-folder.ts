/** The folder of a run has one writer at a time, who clears away what killed ones left half written. */

import { join } from "node:path"
import { sweepPartials } from "../../checkpoint/files.js"
import { type FileLock, lockFolder } from "../../checkpoint/lock.js"

/**
 * @param inner folders in it that are written to as well
 * @throws UserError naming the process that writes there already; where it cannot be written to
 */
export async function lockRun(out: string, inner: readonly string[]): Promise<FileLock> {
  const lock = lockFolder(out)
  for (const folder of ["", ...inner]) await sweepPartials(join(out, folder), { alone: true })
  return lock
}
