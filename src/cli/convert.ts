/** Writes a converted checkpoint and says what it is. */

import { UserError } from "../errors.js"
import { resolveWithBase } from "../models/adapters/base-model.js"
import type { DequantisedType } from "../models/checkpoint.js"
import { resolveWhole } from "../models/resolve.js"
import { type ConvertOptions, convert } from "../paradigms/convert.js"
import { merge } from "../paradigms/merge.js"
import { DEFAULT_PARADIGM, paradigmNamed } from "../paradigms/registry.js"
import { shown } from "../readable.js"
import { downloadObserver } from "./open-model.js"
import { interruptible } from "./process/interrupt.js"
import { formatBytes } from "./ui/format.js"
import { Progress } from "./ui/progress.js"

export interface ConvertCommandOptions {
  out: string
  merge?: boolean
  base?: string
  layout: string
  paradigm?: string
  dtype: string
  blockSize?: number
  shift?: string
  context?: string
}

export async function convertCommand(model: string, options: ConvertCommandOptions): Promise<void> {
  if (options.merge) return mergeCommand(model, options)
  if (options.base !== undefined)
    throw new UserError("only an adapter has a base", { where: "--base", fix: "add --merge, or leave it out" })
  const { out, layout, dtype, blockSize, shift, context } = options
  if (layout !== "released" && layout !== "converted")
    throw new UserError(`there is no layout ${shown(layout)}`, {
      where: "--layout",
      fix: "use released or converted",
    })
  if (shift !== undefined && shift !== "same" && shift !== "next")
    throw new UserError(`there is no shift ${shown(shift)}`, { where: "--shift", fix: "use same or next" })
  if (context !== undefined && context !== "block" && context !== "causal")
    throw new UserError(`there is no context ${shown(context)}`, { where: "--context", fix: "use block or causal" })
  const paradigm = paradigmNamed(options.paradigm ?? DEFAULT_PARADIGM, "--paradigm")
  requireDequantised(dtype)
  const record = { ...(blockSize && { block_size: blockSize }), ...(shift && { shift }), ...(context && { context }) }
  const isAuthors = layout === "released" || paradigm.name === DEFAULT_PARADIGM
  const { error } = paradigm.recipe.safeParse(record)
  if (!isAuthors || error?.issues.some(({ code }) => code === "unrecognized_keys"))
    throw new UserError(`--layout converted, --block-size, --shift and --context are not all of ${paradigm.noun}`, {
      where: `--paradigm ${paradigm.name}`,
      fix: "leave them out",
    })
  if (error) throw new UserError(`no model has a block of ${blockSize} tokens`, { where: "--block-size" })
  await interruptible(async (signal) => {
    const download = downloadObserver(model)
    const { folder } = await resolveWhole(model, { signal, onEvent: download.onEvent })
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

async function mergeCommand(model: string, options: ConvertCommandOptions): Promise<void> {
  const { out, base, dtype, layout, paradigm, blockSize, shift, context } = options
  if (layout !== "released" || (paradigm ?? blockSize ?? shift ?? context) !== undefined)
    throw new UserError("merging does not change the paradigm of a model, nor its layout", {
      where: "--merge",
      fix: "leave --layout, --paradigm, --block-size, --shift and --context out; convert the merged model afterwards",
    })
  requireDequantised(dtype)
  await interruptible(async (signal) => {
    const download = downloadObserver(model)
    const found = await resolveWithBase(model, {
      signal,
      onEvent: download.onEvent,
      ...(base !== undefined && { base }),
    })
    download.finish()
    const progress = new Progress("merging")
    await merge(found.folder, out, {
      base: found.base,
      dequantised: dtype,
      onProgress(done, total) {
        signal.throwIfAborted()
        progress.update(done, total, formatBytes(total))
      },
    })
    progress.finish()
  })
  process.stdout.write(`${out}: ${model} and its base as one model\n`)
}

function requireDequantised(dtype: string): asserts dtype is DequantisedType {
  if (dtype === "float32" || dtype === "bfloat16") return
  throw new UserError(`quantised weights cannot become ${shown(dtype)}`, {
    where: "--dtype",
    fix: "use float32 or bfloat16",
  })
}
