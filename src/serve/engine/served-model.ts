/** What is told of a model before anybody asks it: its paradigm and how it decodes when nothing else is asked for. */

import { resolveDecoding } from "../../generate/decoding.js"
import { modesOf } from "../../generate/mode.js"
import type { Unloaded } from "../../generate/session.js"
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
