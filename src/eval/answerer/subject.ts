/** Who is evaluated, before anything of it is loaded: what it is, and what can be asked of it. */

import { UserError } from "../../errors.js"
import { resolveDecoding } from "../../generate/decoding.js"
import { requireOptions } from "../../generate/generate.js"
import { type ModelFiles, openModel, readModelFiles } from "../../generate/session.js"
import type { ResolveOptions } from "../../hub/resolve.js"
import { resolveWithBase } from "../../models/adapters/base-model.js"
import { fingerprintOf } from "../../models/fingerprint.js"
import { computeOn } from "../../models/load.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import type { AnyParadigm } from "../../paradigms/registry.js"
import { withMask } from "../../paradigms/translate.js"
import type { Device, DType } from "../../torch/index.js"
import type { ModelRecord } from "../run/run-record.js"
import type { Asked } from "../task/task.js"
import type { Answerer } from "./answerer.js"
import { LocalAnswerer, scoringOptions } from "./local.js"
import { RemoteAnswerer, type RemoteOptions } from "./remote.js"

export interface Subject {
  record: ModelRecord
  /** How it was trained; not known of a server. */
  paradigm?: AnyParadigm
  /** Tokens that are denoised together, as it was trained; none of a model that is not decoded in blocks, or of a server. */
  readonly blockSize?: number
  /** What its chat template ends a message with. */
  separator: string
  /**
   * Before it is loaded.
   * @throws UserError when it cannot decode so, or not see what is asked
   */
  check(decoding: DecodingOptions, asked: Asked): void
  open(): Promise<Answerer>
}

export interface LocalSubjectOptions {
  dtype?: DType | "auto"
  device?: Device | "auto"
  /** Of an adapter. */
  base?: string
  compat?: boolean
  signal?: AbortSignal
  onEvent?: ResolveOptions["onEvent"]
}

/**
 * A model by folder, built-in name or hub id, downloaded if it must be.
 * @throws UserError when there is none, or its files cannot be right
 */
export async function localSubject(name: string, options: LocalSubjectOptions = {}): Promise<Subject> {
  const { compat, signal, onEvent, base } = options
  const compute = computeOn(options)
  const found = await resolveWithBase(name, { signal, onEvent, ...(base !== undefined && { base }) })
  const files = readModelFiles(found.folder, found.base)
  const { paradigm } = files
  const fingerprint = await fingerprintOf(found.folder, found.base)
  const record = { name, fingerprint, paradigm: paradigm.name, ...compute }
  return {
    record,
    paradigm,
    get blockSize() {
      return blockSizeOf({ ...files, name })
    },
    separator: files.format === "llava_llada" ? "<|eot_id|>" : "<|im_end|>",
    check: (decoding, asked) => checkFiles({ ...files, name }, decoding, asked),
    async open() {
      const session = await openModel(name, { ...compute, signal, ...(base !== undefined && { base }) })
      return new LocalAnswerer(session, { record, compat })
    },
  }
}

function blockSizeOf(files: ModelFiles & { name: string }): number | undefined {
  const { options, wholeAnswer } = files.paradigm
  if (wholeAnswer || !options.includes("blockSize")) return undefined
  const config = withMask(files.config, (id) => files.tokenizer.token(id), files.folder)
  const { report } = resolveDecoding({ ...files, config, eos: [], dtype: "float32", device: "cpu" }, {}, 1)
  return report.applied.blockSize.value as number
}

function checkFiles(files: ModelFiles & { name: string }, decoding: DecodingOptions, asked: Asked): void {
  const options = asked.choices ? scoringOptions(decoding) : decoding
  requireOptions({ ...files, eos: [], dtype: "float32", device: "cpu" }, options)
  if (asked.pictures.length > 0 && !files.images)
    throw new UserError(`${files.name} reads text only: it cannot see the pictures of the documents`, {
      fix: "give a vision-language model, or tasks without pictures",
    })
}

/** One of the models of a server. @throws UserError when it cannot be asked */
export async function remoteSubject(url: string, options: RemoteOptions = {}): Promise<Subject> {
  const answerer = await RemoteAnswerer.open(url, options)
  return {
    record: answerer.record,
    separator: "<|im_end|>",
    check: (decoding, asked) => answerer.check(decoding, asked),
    open: async () => answerer,
  }
}
