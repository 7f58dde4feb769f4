/** Writes a converted checkpoint and says what it is. */

import { UserError } from "../errors.js"
import { resolveModel } from "../hub/resolve.js"
import { type ConvertOptions, convert } from "../paradigms/convert.js"
import { shown } from "../readable.js"
import { interruptible } from "./interrupt.js"
import { downloadObserver } from "./open-model.js"
import { formatBytes } from "./ui/format.js"
import { Progress } from "./ui/progress.js"

export async function convertCommand(
  model: string,
  options: { out: string; layout: string; blockSize?: number; shift?: string },
): Promise<void> {
  const { out, layout, blockSize, shift } = options
  if (layout !== "released" && layout !== "converted")
    throw new UserError(`there is no layout ${shown(layout)}`, {
      where: "--layout",
      fix: "use released or converted",
    })
  if (shift !== undefined && shift !== "same" && shift !== "next")
    throw new UserError(`there is no shift ${shown(shift)}`, { where: "--shift", fix: "use same or next" })
  await interruptible(async (signal) => {
    const download = downloadObserver(model)
    const { folder } = await resolveModel(model, { signal, onEvent: download.onEvent })
    download.finish()
    const progress = new Progress("converting")
    const onProgress: ConvertOptions["onProgress"] = (done, total) => {
      signal.throwIfAborted()
      progress.update(done, total, formatBytes(total))
    }
    await convert(folder, out, {
      layout,
      record: { ...(blockSize && { block_size: blockSize }), ...(shift && { shift }) },
      onProgress,
    })
    progress.finish()
  })
  process.stdout.write(`${out}: a block-diffusion checkpoint with the weights of ${model}\n`)
  process.stdout.write("It decodes, but has not learned to: train it with `diffusionvl translate`.\n")
}
