/** Prints the problems of a data file as they are found, then a summary. */

import { type CheckEvent, checkDataset, type DataSummary } from "../data/check.js"
import { decodeImage } from "../image/decode.js"
import { checkAspect } from "../image/qwen.js"
import { Tokenizer } from "../text/tokenizer.js"
import { EXIT_FAILED } from "./errors.js"
import { formatCount } from "./ui/format.js"
import { Progress } from "./ui/progress.js"

interface DataCheckOptions {
  imageRoot?: string
  decode?: boolean
  model?: string
  limit?: number
  json?: boolean
}

/** @returns the exit code: 1 when a record is bad */
export async function dataCheck(
  file: string,
  { imageRoot, decode, model, limit, json }: DataCheckOptions,
): Promise<number> {
  const tokenizer = model === undefined ? undefined : Tokenizer.load(model)
  const progress = new Progress("checking")
  let bad = 0
  for await (const event of checkDataset(file, {
    imageRoot,
    limit,
    tokenizer,
    ...(decode && { decode: decodeChecked }),
  })) {
    if (event.type === "progress") progress.update(event.done, event.total, bad > 0 ? `${bad} bad` : "")
    else if (event.type === "summary") {
      progress.finish("")
      bad = event.bad
      process.stdout.write(json ? `${JSON.stringify(event)}\n` : `${summaryText(event)}\n`)
    } else {
      bad++
      const line = json ? JSON.stringify(event) : problemText(event)
      if (process.stdout.isTTY) progress.note(line)
      else process.stdout.write(`${line}\n`)
    }
  }
  return bad > 0 ? EXIT_FAILED : 0
}

/** As training takes pictures: decoded, and not too long a strip. */
async function decodeChecked(path: string): Promise<void> {
  const { width, height } = await decodeImage(path)
  checkAspect(width, height)
}

const problemText = ({ where, what, fix }: Extract<CheckEvent, { type: "problem" }>): string =>
  `${where}: ${what}${fix ? `\n  ${fix}` : ""}`

function summaryText({ records, checked, bad, textOnly, multiImage, images, answers, tokens }: DataSummary): string {
  const lines = [
    `${formatCount(checked)} of ${formatCount(records)} records checked: ${bad === 0 ? "all good" : `${bad} bad`}`,
    `${formatCount(images)} images · ${textOnly} records without, ${multiImage} with several · ${formatCount(answers)} answers to learn from`,
  ]
  if (tokens)
    lines.push(
      `${formatCount(tokens.total)} tokens, the longest record ${tokens.longestIndex} has ${tokens.longest} (an image counts one)`,
    )
  return lines.join("\n")
}
