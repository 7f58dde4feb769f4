/** What is told of a model before anybody asks it: its paradigm and how it decodes when nothing else is asked for. */

import { createHash } from "node:crypto"
import { resolveDecoding } from "../../generate/decoding.js"
import { modesOf } from "../../generate/mode.js"
import type { Unloaded } from "../../generate/session.js"
import { fingerprintOf } from "../../models/fingerprint.js"
import type { ServedModel } from "../request.js"

export function servedModel(id: string, session: Unloaded): ServedModel {
  const { applied } = resolveDecoding(session, {}, 1).report
  const own = <T>(name: string): T | null => (applied[name]?.value as T | undefined) ?? null
  const { name } = session.paradigm
  return {
    id,
    paradigm: name,
    modes: modesOf(session),
    images: session.images !== undefined,
    context: session.config.text.maxPositions,
    default: {
      block_size: own<number>("blockSize"),
      steps: own<number>("steps"),
      threshold: own<number>("threshold"),
      remasking: own<string>("strategy"),
      mode: name,
    },
  }
}

/** By which those who ask notice that the model of a name has become another one. */
export async function servedFingerprint({ folder, base, dtype, device }: Unloaded): Promise<string> {
  const files = await fingerprintOf(folder, base)
  return createHash("sha256")
    .update(JSON.stringify([files, dtype, device]))
    .digest("hex")
}
