/** Writes a converted checkpoint and says what it is. */

import { UserError } from "../errors.js"
import { resolveModel } from "../hub/resolve.js"
import { type ConvertOptions, convert } from "../models/convert.js"
import { shown } from "../readable.js"
import { interruptible } from "./interrupt.js"
import { downloadObserver } from "./open-model.js"
import { formatBytes } from "./ui/format.js"
import { Progress } from "./ui/progress.js"

export async function convertCommand(
  model: string,
  options: { out: string; layout: string; paradigm: string; dtype: string; blockSize?: number; shift?: string },
): Promise<void> {
  const { out, layout, paradigm, dtype, blockSize, shift } = options
  if (layout !== "released" && layout !== "converted")
    throw new UserError(`there is no layout ${shown(layout)}`, {
      where: "--layout",
      fix: "use released or converted",
    })
  if (shift !== undefined && shift !== "same" && shift !== "next")
    throw new UserError(`there is no shift ${shown(shift)}`, { where: "--shift", fix: "use same or next" })
  if (paradigm !== "block-diffusion" && paradigm !== "autoregressive")
    throw new UserError(`a model cannot be converted to ${shown(paradigm)}`, {
      where: "--paradigm",
      fix: "use block-diffusion or autoregressive",
    })
  if (dtype !== "float32" && dtype !== "bfloat16")
    throw new UserError(`quantised weights cannot become ${shown(dtype)}`, {
      where: "--dtype",
      fix: "use float32 or bfloat16",
    })
  const blocks = paradigm === "block-diffusion"
  if (!blocks && (layout === "converted" || blockSize !== undefined || shift !== undefined))
    throw new UserError("--layout converted, --block-size and --shift are of block diffusion", {
      where: "--paradigm autoregressive",
      fix: "leave them out",
    })
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
      dequantised: dtype,
      ...(!blocks && { paradigm: { name: "autoregressive", options: {} } }),
      blockDiffusion: { ...(blockSize && { blockSize }), ...(shift && { shift }) },
      onProgress,
    })
    progress.finish()
  })
  if (!blocks) {
    process.stdout.write(`${out}: an autoregressive model with the weights of ${model}\n`)
    return
  }
  process.stdout.write(`${out}: a block-diffusion checkpoint with the weights of ${model}\n`)
  process.stdout.write("It decodes, but has not learned to: train it with `diffusionvl translate`.\n")
}
