/** Writes a converted checkpoint and says what it is. */

import { UserError } from "../errors.js"
import { resolveModel } from "../hub/resolve.js"
import { type ConvertOptions, convert } from "../paradigms/convert.js"
import { DEFAULT_PARADIGM, paradigmNamed } from "../paradigms/registry.js"
import { shown } from "../readable.js"
import { interruptible } from "./interrupt.js"
import { downloadObserver } from "./open-model.js"
import { formatBytes } from "./ui/format.js"
import { Progress } from "./ui/progress.js"

export async function convertCommand(
  model: string,
  options: { out: string; layout: string; paradigm?: string; dtype: string; blockSize?: number; shift?: string },
): Promise<void> {
  const { out, layout, dtype, blockSize, shift } = options
  if (layout !== "released" && layout !== "converted")
    throw new UserError(`there is no layout ${shown(layout)}`, {
      where: "--layout",
      fix: "use released or converted",
    })
  if (shift !== undefined && shift !== "same" && shift !== "next")
    throw new UserError(`there is no shift ${shown(shift)}`, { where: "--shift", fix: "use same or next" })
  const paradigm = paradigmNamed(options.paradigm ?? DEFAULT_PARADIGM, "--paradigm")
  if (dtype !== "float32" && dtype !== "bfloat16")
    throw new UserError(`quantised weights cannot become ${shown(dtype)}`, {
      where: "--dtype",
      fix: "use float32 or bfloat16",
    })
  const record = { ...(blockSize && { block_size: blockSize }), ...(shift && { shift }) }
  const isAuthors = layout === "released" || paradigm.name === DEFAULT_PARADIGM
  const { error } = paradigm.recipe.safeParse(record)
  if (!isAuthors || error?.issues.some(({ code }) => code === "unrecognized_keys"))
    throw new UserError(`--layout converted, --block-size and --shift are not all of ${paradigm.noun}`, {
      where: `--paradigm ${paradigm.name}`,
      fix: "leave them out",
    })
  if (error) throw new UserError(`no model has a block of ${blockSize} tokens`, { where: "--block-size" })
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
      paradigm: paradigm.name,
      record,
      onProgress,
    })
    progress.finish()
  })
  process.stdout.write(`${out}: ${paradigm.noun} with the weights of ${model}\n`)
  if (paradigm.masks)
    process.stdout.write("It decodes, but has not learned to: train it with `diffusionvl translate`.\n")
}
