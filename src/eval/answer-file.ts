/** What is known of many questions, kept one by one in a file: who is stopped goes on behind the last of them. */

import { createHash } from "node:crypto"
import { appendFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { explaining } from "../checkpoint/files.js"
import { isObject, type Json } from "../checkpoint/json.js"
import { UserError } from "../errors.js"

export interface AnswerPlace {
  folder: string
  /** What the file is called, for people. */
  key: string
  /** All that the answers depend on: a hash of it is in the file's name, so that nothing stale is ever read. */
  dependsOn: unknown
  /** What they are answers to, for people: the first line. */
  about: object
  /** Whether a line's object is an answer. @default any with an index is */
  isAnswer?: (line: Json) => boolean
}

/** A name for people with a hash of all that what has this name depends on. */
export function hashedName(key: string, dependsOn: unknown): string {
  return `${key}-${createHash("sha256").update(JSON.stringify(dependsOn)).digest("hex").slice(0, 12)}`
}

export class AnswerFile<Kept extends { index: number }> {
  readonly answers: Map<number, Kept>
  /** Answers that others took the place of, or that were forgotten. */
  readonly #earlier: Map<number, Kept[]>
  readonly #file: string

  /** What is in the file is not asked again, but for a line that was cut short. */
  constructor({ folder, key, dependsOn, about, isAnswer }: AnswerPlace) {
    this.#file = join(folder, `${hashedName(key, dependsOn)}.jsonl`)
    const { begun, answers, earlier, end, length } = readAnswerFile<Kept>(this.#file, isAnswer)
    this.answers = answers
    this.#earlier = earlier
    // So that the next one begins a line.
    if (end < length) explaining(this.#file, () => truncateSync(this.#file, end))
    if (!begun) explaining(this.#file, () => writeFileSync(this.#file, `${JSON.stringify(about)}\n`))
  }

  add(answer: Kept): void {
    this.#append(answer)
    setAside(this, this.#earlier, answer.index)
    this.answers.set(answer.index, answer)
  }

  /** An answer to what was asked before: it is not shown any more, and stays in the file. */
  forget(index: number): void {
    this.#append({ index, forgotten: true } satisfies Forgotten)
    setAside(this, this.#earlier, index)
  }

  /** One of the answers to a question, wherever it is in the file; it is the one that is shown from then on. */
  recall(index: number, isMeant: (answer: Kept) => boolean): Kept | undefined {
    const found = this.find(index, isMeant)
    if (found && found !== this.answers.get(index)) this.add(found)
    return found
  }

  /** The last such answer to a question, also among those that are not shown any more. */
  find(index: number, isMeant: (answer: Kept) => boolean): Kept | undefined {
    const last = this.answers.get(index)
    return last && isMeant(last) ? last : this.#earlier.get(index)?.findLast(isMeant)
  }

  #append(line: object): void {
    explaining(this.#file, () => appendFileSync(this.#file, `${JSON.stringify(line)}\n`))
  }
}

/** A line: the answer before it is to something else than what is asked now. */
interface Forgotten {
  index: number
  forgotten: true
}

function setAside<Kept>(
  { answers }: { answers: Map<number, Kept> },
  earlier: Map<number, Kept[]>,
  index: number,
): void {
  const last = answers.get(index)
  if (last === undefined) return
  const others = earlier.get(index)
  if (others) others.push(last)
  else earlier.set(index, [last])
  answers.delete(index)
}

export interface FoundAnswers<Kept> {
  /** The first line, where the file has one. */
  begun: boolean
  about?: unknown
  /** By question; of several to one the last. */
  answers: Map<number, Kept>
  /** Those that others took the place of, or that were forgotten. */
  earlier: Map<number, Kept[]>
  /** Bytes of the whole lines, and of the file. */
  end: number
  length: number
}

/**
 * The whole lines of a file of answers, which somebody may be appending to.
 * @throws UserError for a line that is damaged
 */
export function readAnswerFile<Kept extends { index: number }>(
  file: string,
  isAnswer: AnswerPlace["isAnswer"] = () => true,
): FoundAnswers<Kept> {
  const answers = new Map<number, Kept>()
  const earlier = new Map<number, Kept[]>()
  const bytes = explaining(file, () => (existsSync(file) ? readFileSync(file) : Buffer.alloc(0)))
  const end = bytes.lastIndexOf("\n") + 1
  const [first, ...lines] = bytes.toString("utf8", 0, end).split("\n").slice(0, -1)
  for (const [i, line] of lines.entries()) {
    if (line.trim() === "") continue
    const kept = parse(line)
    const isForgotten = isObject(kept) && kept.forgotten === true
    if (!isObject(kept) || !Number.isSafeInteger(kept.index) || !(isForgotten || isAnswer(kept)))
      throw damaged(`${file}, line ${i + 2}`, "delete the line, and its question is asked again")
    setAside({ answers }, earlier, kept.index as number)
    if (!isForgotten) answers.set(kept.index as number, kept as unknown as Kept)
  }
  const begun = first !== undefined
  const about = begun ? parse(first) : undefined
  if (begun && about === undefined)
    throw damaged(`${file}, line 1`, "put {} in its place: it says to people what the answers are to")
  return { begun, ...(begun && { about }), answers, earlier, end, length: bytes.length }
}

/** Undefined of what is no JSON. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

const damaged = (where: string, fix: string): UserError =>
  new UserError("the line is damaged: it is no answer", { where, fix })
