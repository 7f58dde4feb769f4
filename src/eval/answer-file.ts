/** Answers of one model in one way of decoding, kept one by one in a file: who is stopped goes on behind the last of them. */

import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { explaining } from "../checkpoint/files.js"
import type { Answer } from "./answers.js"

export interface KeptAnswer extends Answer {
  /** Which question it is to. */
  index: number
  /** Seconds since the answer before it, or since the first question was asked. */
  seconds: number
}

/** Lines of a file that is appended to; one that was cut short is cut off, so that the next begins a line. */
export function wholeLines(file: string): string[] {
  return explaining(file, () => {
    if (!existsSync(file)) return []
    const text = readFileSync(file, "utf8")
    const end = text.lastIndexOf("\n") + 1
    if (end < text.length) truncateSync(file, Buffer.byteLength(text.slice(0, end)))
    return text.slice(0, end).split("\n").slice(0, -1)
  })
}

export class AnswerFile {
  readonly answers = new Map<number, KeptAnswer>()

  /**
   * @param file JSONL; what is in it is not asked again, but for a line that was cut short
   * @param about what they are answers to, for people: the first line
   */
  constructor(
    readonly file: string,
    about: object,
  ) {
    const lines = wholeLines(file)
    if (lines.length === 0) explaining(file, () => writeFileSync(file, `${JSON.stringify(about)}\n`))
    for (const line of lines.slice(1)) {
      const kept = JSON.parse(line) as KeptAnswer
      this.answers.set(kept.index, kept)
    }
  }

  add(answer: KeptAnswer): void {
    explaining(this.file, () => appendFileSync(this.file, `${JSON.stringify(answer)}\n`))
    this.answers.set(answer.index, answer)
  }
}
