/** What is known of many questions, kept one by one in a file: who is stopped goes on behind the last of them. */

import { createHash } from "node:crypto"
import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { explaining } from "../checkpoint/files.js"
import type { Answer } from "./answers.js"

export interface KeptAnswer extends Answer {
  /** Which question it is to. */
  index: number
  /** Seconds since the answer before it, or since the first question was asked. */
  seconds: number
}

export interface AnswerPlace {
  folder: string
  /** What the file is called, for people. */
  key: string
  /** All that the answers depend on: a hash of it is in the file's name, so that nothing stale is ever read. */
  dependsOn: unknown
  /** What they are answers to, for people: the first line. */
  about: object
}

/** A name for people with a hash of all that what has this name depends on. */
export function hashedName(key: string, dependsOn: unknown): string {
  return `${key}-${createHash("sha256").update(JSON.stringify(dependsOn)).digest("hex").slice(0, 12)}`
}

export class AnswerFile<Kept extends { index: number } = KeptAnswer> {
  readonly answers = new Map<number, Kept>()
  readonly #file: string

  /** What is in the file is not asked again, but for a line that was cut short. */
  constructor({ folder, key, dependsOn, about }: AnswerPlace) {
    this.#file = join(folder, `${hashedName(key, dependsOn)}.jsonl`)
    const lines = wholeLines(this.#file)
    if (lines.length === 0) explaining(this.#file, () => writeFileSync(this.#file, `${JSON.stringify(about)}\n`))
    for (const line of lines.slice(1)) {
      const kept = JSON.parse(line) as Kept
      this.answers.set(kept.index, kept)
    }
  }

  add(answer: Kept): void {
    explaining(this.#file, () => appendFileSync(this.#file, `${JSON.stringify(answer)}\n`))
    this.answers.set(answer.index, answer)
  }
}

/** Lines of a file that is appended to; one that was cut short is cut off, so that the next begins a line. */
function wholeLines(file: string): string[] {
  return explaining(file, () => {
    if (!existsSync(file)) return []
    const text = readFileSync(file, "utf8")
    const end = text.lastIndexOf("\n") + 1
    if (end < text.length) truncateSync(file, Buffer.byteLength(text.slice(0, end)))
    return text.slice(0, end).split("\n").slice(0, -1)
  })
}
