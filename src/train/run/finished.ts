/** What is written beside a finished model: a later session then knows that all is done without loading anything. */

import { rmSync } from "node:fs"
import { join } from "node:path"
import { z } from "zod"
import { writeJson } from "../../checkpoint/files.js"
import { readOptionalJson } from "../../checkpoint/json.js"
import { digestFolder, type FileDigest, findDifference } from "../../checkpoint/manifest.js"
import { finishedModel } from "../../checkpoint/training-output.js"
import { UserError } from "../../errors.js"

const FINISHED_FILE = "finished.json"

const schema = z.object({
  step: z.int().min(0),
  /** What the session that finished it began with. */
  start: z.object({ parameters: z.int(), samples: z.int(), dtype: z.string(), device: z.string() }),
  files: z.record(z.string(), z.object({ bytes: z.int(), sha256: z.string() })),
})

export type Finished = Pick<z.output<typeof schema>, "step" | "start">

/** @param known digests of files that need no reading again */
export async function recordFinished(
  output: string,
  finished: Finished,
  known: ReadonlyMap<string, FileDigest>,
): Promise<void> {
  const files = await digestFolder(finishedModel(output), known)
  await writeJson(join(output, FINISHED_FILE), { ...finished, files })
}

/** What was recorded, where every file of the model is as it was written. */
export async function readFinished(output: string): Promise<Finished | undefined> {
  const data = recorded(join(output, FINISHED_FILE))
  return data && (await findDifference(finishedModel(output), data.files)) === undefined ? data : undefined
}

/** Nothing where it cannot be read: the model is then written once more. */
function recorded(file: string): z.output<typeof schema> | undefined {
  try {
    return schema.safeParse(readOptionalJson(file)).data
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}

/** Before the training goes on. */
export const forgetFinished = (output: string): void => rmSync(join(output, FINISHED_FILE), { force: true })
