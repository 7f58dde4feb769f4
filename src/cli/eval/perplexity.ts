/** Measures a model's perplexity on a text, shows it while it is measured, and says what the number means. */

import { statSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { explaining, writeJson } from "../../checkpoint/files.js"
import { readTextFile } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import { type Perplexity, type PerplexityEvent, type PerplexityOptions, perplexity } from "../../eval/perplexity.js"
import { inMode, modeWarning } from "../../generate/mode.js"
import { makeFolder } from "../../make-folder.js"
import type { LikelihoodBound } from "../../paradigms/paradigm.js"
import type { AnyParadigm } from "../../paradigms/registry.js"
import type { LikelihoodFlags } from "../commands/likelihood.js"
import { type ModelOptions, openForCommand } from "../open-model.js"
import { interruptible } from "../process/interrupt.js"
import { formatCount } from "../ui/format.js"
import { shownPath } from "../ui/path.js"
import { Progress } from "../ui/progress.js"
import { boundOf } from "./likelihood.js"

export interface PerplexityCommandOptions
  extends ModelOptions,
    LikelihoodFlags,
    Pick<PerplexityOptions, "limit" | "window" | "stride" | "mode" | "blockSize"> {
  json?: boolean
  out?: string
}

/** Seconds between lines where there is no terminal. */
const PLAIN_EVERY = 60

export async function perplexityCommand(model: string, file: string, options: PerplexityCommandOptions): Promise<void> {
  const { json = false, limit, window, stride, mode, blockSize } = options
  const bound = boundOf(options)
  const text = readTextFile(file)
  const out = options.out === undefined ? undefined : resolve(options.out)
  if (out !== undefined) preparePlace(out)
  await interruptible(async (signal) => {
    const session = await openForCommand(model, options, signal)
    const decoded = inMode(session, mode)
    const { paradigm } = decoded
    const warning = modeWarning(decoded)
    if (warning !== undefined) process.stderr.write(`warning: ${warning}\n`)
    const asked = { limit, window, stride, mode, blockSize, bound: paradigm.masks ? bound : undefined }
    const found = await measure((watch) => perplexity(session, text, { ...asked, ...watch, signal }))
    const about = { model, file, paradigm: paradigm.name, dtype: session.dtype, device: session.device }
    const result = {
      ...about,
      ...asked,
      ...found,
      means: meaningOf(paradigm, asked.bound),
      ...(warning !== undefined && { warning }),
    }
    if (out !== undefined) await writeJson(out, result)
    if (json) process.stdout.write(`${JSON.stringify(result)}\n`)
    else process.stdout.write(resultLines(found, paradigm, asked.bound))
    if (out !== undefined) process.stderr.write(`written  ${shownPath(out)}\n`)
  })
}

/** What cannot be written is said before anything is measured. */
function preparePlace(out: string): void {
  explaining(out, () => makeFolder(dirname(out)))
  if (statSync(out, { throwIfNoEntry: false })?.isDirectory())
    throw new UserError("it is a folder, and the result is a file", { where: out, fix: "give the name of a file" })
}

/** Shows what is known so far, also when it ends there. */
async function measure(work: (watch: Pick<PerplexityOptions, "onEvent">) => Promise<Perplexity>): Promise<Perplexity> {
  const progress = new Progress("perplexity", { plainEvery: PLAIN_EVERY })
  let last: PerplexityEvent | undefined
  const soFar = ({ done, total, tokenPerplexity }: PerplexityEvent): string =>
    `${formatCount(done)} of ${formatCount(total)} tokens · ${tokenPerplexity.toPrecision(5)} per token`
  const onEvent = (event: PerplexityEvent): void => {
    last = event
    progress.update(event.done, event.total, soFar(event))
  }
  try {
    const found = await work({ onEvent })
    progress.finish("")
    return found
  } catch (error) {
    progress.finish(last ? `stopped after ${soFar(last)}` : "")
    throw error
  }
}

function resultLines(found: Perplexity, paradigm: AnyParadigm, bound: LikelihoodBound | undefined): string {
  const { tokens, bytes, windows, tokenPerplexity, bytePerplexity, bitsPerByte, standardError } = found
  // Linear in the estimate, as the perplexities are not.
  const error = standardError === undefined ? "" : ` ± ${(standardError / bytes / Math.LN2).toPrecision(2)}`
  const numbers = [
    `${tokenPerplexity.toPrecision(6)} per token`,
    `${bytePerplexity.toPrecision(6)} per byte`,
    `${bitsPerByte.toPrecision(6)}${error} bits per byte`,
  ].join(" · ")
  const sizes = `${tokens} tokens, ${bytes} bytes, ${windows} ${windows === 1 ? "window" : "windows"}`
  return `perplexity  ${numbers}\nover        ${sizes}\nmeans       ${meaningOf(paradigm, bound)}\n`
}

/** A line; docs/guide/evaluation.md, "Likelihoods", has the rest. */
const meaningOf = ({ noun, masks }: AnyParadigm, bound: LikelihoodBound | undefined): string =>
  bound
    ? `${noun}: the bound that training lowers, a mean over orders of decoding, estimated from ${bound.samples} samples (seed ${bound.seed})`
    : masks
      ? `${noun} that reveals one token after the other, from left to right, those behind masked: exact for this order, and no bound as training lowers`
      : `${noun}: each token given all before it in its window, exact`
