/** Computes and prints the perplexity of a text file. */

import { readTextFile } from "../checkpoint/json.js"
import { type PerplexityOptions, perplexity } from "../eval/perplexity.js"
import { interruptible } from "./interrupt.js"
import { type ModelOptions, openForCommand } from "./open-model.js"
import { Progress } from "./ui/progress.js"
import { formatTable } from "./ui/table.js"

export interface PerplexityCommandOptions
  extends ModelOptions,
    Pick<PerplexityOptions, "window" | "stride" | "blockSize"> {
  json?: boolean
}

export async function perplexityCommand(
  name: string,
  file: string,
  { window, stride, blockSize, json = false, ...model }: PerplexityCommandOptions,
): Promise<void> {
  // Before the model is loaded.
  const text = readTextFile(file)
  await interruptible(async (signal) => {
    const session = await openForCommand(name, model, signal)
    const progress = new Progress("perplexity")
    try {
      const found = await perplexity(session, text, {
        ...{ window, stride, signal },
        ...(blockSize !== undefined && { blockSize }),
        onEvent: ({ done, total, tokenPerplexity }) =>
          progress.update(done, total, `${tokenPerplexity.toFixed(3)} so far`),
      })
      const { tokens, bytes, windows, tokenPerplexity, bytePerplexity, bitsPerByte } = found
      const rows = [
        ["perplexity per token", "per byte", "bits per byte", "tokens", "bytes", "windows"],
        [...[tokenPerplexity, bytePerplexity, bitsPerByte].map((number) => number.toFixed(4)), tokens, bytes, windows],
      ]
      process.stdout.write(json ? `${JSON.stringify(found, null, 2)}\n` : `${formatTable(rows)}\n`)
    } finally {
      progress.finish("")
    }
  })
}
