/** A model of this program answers: prompts by its own chat template, the forwards of all requests computed together. */

import { UserError } from "../../errors.js"
import { decode } from "../../generate/generate.js"
import { preparePrompt } from "../../generate/prepare.js"
import { computeScores } from "../../generate/score.js"
import type { Session } from "../../generate/session.js"
import type { DecodeDone } from "../../paradigms/decode-events.js"
import type { DecodingOptions } from "../../paradigms/decoding-options.js"
import { EqualLogitsError, NotFiniteError, NothingLeftError } from "../../paradigms/not-finite.js"
import type { Prompt } from "../../paradigms/prompt.js"
import { PlainFormat, plainPrompt } from "../../text/formats/plain-format.js"
import type { ChoiceLikelihood } from "../run/kept-answer.js"
import type { ModelRecord } from "../run/run-record.js"
import type { Asked } from "../task/task.js"
import type { Answerer, AskOptions, Failed, Reply, ReuseStatistics } from "./answerer.js"
import { chosenReply } from "./chosen.js"
import { messageOf } from "./message.js"
import { imageOf } from "./pictures.js"

export interface LocalOptions {
  record: ModelRecord
  /** As the authors' wrapper: its chat format, prompts cut where the model's configuration says, and text behind the end of an answer, in the same block, belongs to it. */
  compat?: boolean
}

export class LocalAnswerer implements Answerer {
  readonly record: ModelRecord
  readonly #session: Session
  readonly #compat: boolean
  readonly #prompts = { promptTokens: 0, cachedTokens: 0 }

  constructor(session: Session, { record, compat = false }: LocalOptions) {
    this.#session = compat ? { ...session, format: authorsFormat(session) } : session
    this.#compat = compat
    this.record = record
  }

  async answer(asked: Asked, options: AskOptions): Promise<Reply | Failed> {
    let prompt: Prompt
    try {
      prompt = await this.#prompt(asked, options.signal)
    } catch (error) {
      return failure(error)
    }
    try {
      return asked.choices ? await this.#score(prompt, asked, options) : await this.#decode(prompt, options)
    } catch (error) {
      // What is wrong with the model is wrong with every document.
      if (error instanceof UserError && isOfTheModel(error.cause)) throw error
      return failure(error)
    } finally {
      for (const features of prompt.features ?? []) features.dispose()
    }
  }

  forget(): void {
    this.#session.executor.clear()
  }

  reuse(): ReuseStatistics {
    const { asked, reused } = this.#session.executor.statistics().pictures
    return { ...this.#prompts, pictures: asked, reusedPictures: reused }
  }

  async #prompt(asked: Asked, signal: AbortSignal | undefined): Promise<Prompt> {
    if (this.#isPlain(asked)) {
      if (asked.pictures.length > 0) throw new UserError("a text that is continued shows no pictures")
      const ids = plainPrompt(asked.context, this.#session.tokenizer)
      if (ids.length === 0) throw new UserError("there is no text to continue")
      return { ids }
    }
    const { messages, pictures } = messageOf(asked)
    const images = pictures.map(imageOf)
    // The authors' prompts of LLaDA's models lose the token behind an image.
    const dropAfterImage = this.#compat && images.length > 0 && this.#session.format === "llava_llada"
    const cutAt = this.#compat ? cutOf(this.#session) : undefined
    return preparePrompt(this.#session, messages, images, { signal, dropAfterImage, cutAt })
  }

  #isPlain = ({ plain = false, messages }: Asked): boolean =>
    plain || (this.#session.format instanceof PlainFormat && !messages)

  async #decode(prompt: Prompt, { decoding, signal }: AskOptions): Promise<Reply> {
    const session = this.#session
    let done: DecodeDone | undefined
    for await (const event of decode(session, prompt, { ...decoding, signal })) if (event.type === "done") done = event
    const { ids, eosIndex, stats } = done as DecodeDone
    this.#prompts.promptTokens += prompt.ids.length
    this.#prompts.cachedTokens += stats.cachedTokens ?? 0
    const answer = this.#compat ? ids : ids.subarray(0, eosIndex)
    const ended = eosIndex !== undefined
    return {
      raw: session.tokenizer.decode(answer.filter((id) => id !== session.config.tokens.mask)),
      tokens: stats.tokens + Number(ended),
      forwards: stats.forwardsToEnd,
      ended,
    }
  }

  /** A chat's choice is a whole answer, with its end; one that continues a text has none. */
  async #score(prompt: Prompt, asked: Asked, { decoding, bound, signal }: AskOptions): Promise<Reply> {
    const plain = this.#isPlain(asked)
    const choices = asked.choices ?? []
    const answers = plain ? choices : choices.map((choice) => choice.trimStart())
    const options = { ...scoringOptions(decoding), bound, signal, end: !plain, sameLength: true }
    const { scores, forwards, cachedTokens } = await computeScores(this.#session, prompt, answers, options)
    const likelihoods = scores.map((score, i): ChoiceLikelihood => ({ ...score, bytes: Buffer.byteLength(choices[i]) }))
    this.#prompts.promptTokens += prompt.ids.length
    this.#prompts.cachedTokens += cachedTokens
    return chosenReply(choices, likelihoods, forwards)
  }
}

/** Of the options of decoding those that say how likely given answers are. */
export const scoringOptions = ({ mode, blockSize, shift }: DecodingOptions): DecodingOptions => ({
  ...(mode !== undefined && { mode }),
  ...(blockSize !== undefined && { blockSize }),
  ...(shift !== undefined && { shift }),
})

/** The wrapper writes conversations of all of Qwen's diffusion models alike. */
const authorsFormat = ({ format, paradigm }: Session): Session["format"] =>
  paradigm.masks && (format === "qwen_1_5" || format === "qwen_2") ? "qwen_2_5" : format

/** Where the authors' models cut an embedded prompt (docs/evaluation.md 3.2). */
function cutOf({ config }: Session): number | undefined {
  const { tokenizer_model_max_length: length } = config.raw
  return typeof length === "number" && length >= 1 ? Math.trunc(length) : undefined
}

const isOfTheModel = (cause: unknown): boolean =>
  cause instanceof NotFiniteError || cause instanceof EqualLogitsError || cause instanceof NothingLeftError

/** @throws what is no fault of the document */
function failure(error: unknown): Failed {
  if (!(error instanceof UserError)) throw error
  return { failed: error.where === undefined ? error.message : `${error.where}: ${error.message}` }
}
