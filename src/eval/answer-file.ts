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
    const text = explaining(file, () => (existsSync(file) ? readFileSync(file, "utf8") : ""))
    const end = text.lastIndexOf("\n") + 1
    if (end === 0) explaining(file, () => writeFileSync(file, `${JSON.stringify(about)}\n`))
    else if (end < text.length) explaining(file, () => truncateSync(file, Buffer.byteLength(text.slice(0, end))))
    for (const line of text.slice(0, end).split("\n").slice(1, -1)) {
      const kept = JSON.parse(line) as KeptAnswer
      this.answers.set(kept.index, kept)
    }
  }

  add(answer: KeptAnswer): void {
    explaining(this.file, () => appendFileSync(this.file, `${JSON.stringify(answer)}\n`))
    this.answers.set(answer.index, answer)
  }
}
