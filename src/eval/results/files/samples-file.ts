/** Every document with its answer as a line of JSON, as lmms-eval writes them (docs/evaluation.md 8). */

import { createHash } from "node:crypto"
import { type FileHandle, open, rename, rm } from "node:fs/promises"
import { explaining, partialName } from "../../../checkpoint/files.js"
import type { GenerationOptions } from "../../task/generation-settings.js"
import { sampleRecord } from "../../task/sample-record.js"
import type { Doc, Task } from "../../task/task.js"
import type { ScoredSample } from "../score-task.js"

/** Of each choice, behind lmms-eval's keys. */
export const LOG_LIKELIHOODS = "log_likelihoods"

/** Characters that are written at once. */
const PIECE = 1 << 18

/** Appears under its name when it is whole. */
export class SamplesFile {
  readonly #hash = createHash("sha256")
  #lines: string[] = []
  #size = 0

  private constructor(
    readonly path: string,
    readonly task: Task,
    readonly options: GenerationOptions,
    readonly handle: FileHandle,
  ) {}

  /** @param options of generation, the command line's among them */
  static async create(path: string, task: Task, options: GenerationOptions): Promise<SamplesFile> {
    return new SamplesFile(path, task, options, await explaining(path, () => open(partialName(path), "w")))
  }

  async add({ index, doc, answer, counted, cluster }: ScoredSample): Promise<void> {
    const sample = { docId: index, doc, answer: answer.text, options: this.options, likelihoods: answer.likelihoods }
    const record = sampleRecord(this.task, sample, { counted })
    // Pictures are not recorded: what documents have in common is then not to be seen from them.
    const { clusterColumn } = this.task
    if (clusterColumn !== undefined && !(clusterColumn in (record.doc as Doc))) record.cluster = cluster
    if (answer.likelihoods) record[LOG_LIKELIHOODS] = answer.likelihoods.map(({ logLikelihood }) => logLikelihood)
    this.#hash.update(`${record.doc_hash}${record.prompt_hash}${record.target_hash}`)
    const line = `${JSON.stringify(record)}\n`
    this.#lines.push(line)
    this.#size += line.length
    if (this.#size > PIECE) await this.#flush()
  }

  /** @returns a hash of all that was asked and is right */
  async finish(): Promise<string> {
    await this.#flush()
    await explaining(this.path, async () => {
      await this.handle.sync()
      await this.handle.close()
      await rename(partialName(this.path), this.path)
    })
    return this.#hash.digest("hex")
  }

  /** Leaves nothing behind. */
  async abandon(): Promise<void> {
    await this.handle.close().catch(() => undefined)
    await rm(partialName(this.path), { force: true })
  }

  async #flush(): Promise<void> {
    const text = this.#lines.join("")
    this.#lines = []
    this.#size = 0
    await explaining(this.path, () => this.handle.writeFile(text))
  }
}
