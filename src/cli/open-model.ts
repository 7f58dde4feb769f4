/** Opens a model for a command: downloads are shown while they run. */

import { openModel, type Session } from "../generate/session.js"
import type { HubEvent } from "../hub/download.js"
import { counted } from "../readable.js"
import type { Device, DType } from "../torch/index.js"
import { formatBytes } from "./ui/format.js"
import { Progress } from "./ui/progress.js"

export interface ModelOptions {
  /** Of an adapter. */
  base?: string
  dtype?: string
  device?: string
}

/** Shows what a download does; `finish` ends the line. */
export function downloadObserver(name: string): { onEvent: (event: HubEvent) => void; finish: () => void } {
  let progress: Progress | undefined
  const show = (): Progress => {
    progress ??= new Progress(name)
    return progress
  }
  return {
    onEvent(event) {
      if (event.type === "listed" && event.presentBytes < event.totalBytes)
        show().note(`${name} · ${counted(event.files, "file")}, ${formatBytes(event.totalBytes)}`)
      else if (event.type === "progress") show().update(event.doneBytes, event.totalBytes, event.file)
      else if (event.type === "waiting") show().note("another process is downloading this model; waiting for it")
      else if (event.type === "retry") show().note(`${event.reason}; trying again in ${event.seconds} s`)
      else if (event.type === "cached") show().note(`${event.reason}; using the copy in the cache`)
    },
    finish: () => progress?.finish(""),
  }
}

export async function openForCommand(
  name: string,
  { dtype = "auto", device = "auto", base }: ModelOptions,
  signal?: AbortSignal,
): Promise<Session> {
  const download = downloadObserver(name)
  try {
    return await openModel(name, {
      dtype: dtype as DType | "auto",
      device: device as Device | "auto",
      ...(base !== undefined && { base }),
      signal,
      onEvent: download.onEvent,
    })
  } finally {
    download.finish()
  }
}
