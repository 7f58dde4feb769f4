/** A folder with a text encoder and its tokenizer → texts as token ids, and token ids as features. */

import { existsSync } from "node:fs"
import path from "node:path"
import { locateTensors } from "../../checkpoint/checkpoint.js"
import { readJsonObject, readOptionalJson } from "../../checkpoint/json.js"
import { UserError } from "../../errors.js"
import type { Work } from "../../in-turns.js"
import { SPACE } from "../../text/formats/python-strings.js"
import { Tokenizer } from "../../text/tokenizer/tokenizer.js"
import { BYTES, chooseDevice, type Device, type DType, isFloat, type Tensor } from "../../torch/index.js"
import { MappedFiles } from "../mapped-files.js"
import { MapWeights, RecordingWeights } from "../weight-source.js"
import { Bert } from "./bert.js"
import { type BertConfig, bertLayout, bestLayer, readBert } from "./bert-config.js"

/** An encoder of texts, such as BERT, RoBERTa or a MiniLM made of them. */
export interface TextEncoder {
  readonly layers: number
  /** Layer whose features are taken when nobody says: bert_score's choice for published sizes, else the last. */
  readonly bestLayer: number
  readonly hiddenSize: number
  /** Tokens that every text has, whatever it says, such as [CLS] and [SEP]. */
  readonly marks: ReadonlySet<number>
  /** How many of them a text has. */
  readonly markCount: number
  /** Token ids of a text with its marks, cut where the encoder's positions end. White space at its ends counts for nothing. */
  ids(text: string): number[]
  /**
   * @param texts B lists of token ids
   * @param layers how many layers to go through; 0 gives the embeddings
   * @returns [B, R, C], where R is the longest length; rows behind the end of a shorter text mean nothing
   */
  forwardInPieces(texts: readonly (readonly number[])[], layers: number): Work<Tensor>
}

export interface TextEncoderOptions {
  /** @default "float32" */
  dtype?: DType
  device?: Device | "auto"
}

/**
 * Reads a model folder of transformers (config.json, safetensors, tokenizer.json or vocab.txt).
 * @throws UserError for an encoder of an unknown kind, weights that do not fit, and a tokenizer that is not this encoder's
 */
export function loadTextEncoder(
  folder: string,
  { dtype = "float32", device: wantedDevice = "cpu" }: TextEncoderOptions = {},
): TextEncoder {
  if (!isFloat(dtype)) throw new UserError(`${dtype} is no type to compute in`, { fix: "use float32" })
  const where = path.join(folder, "config.json")
  if (!existsSync(where))
    throw new UserError("it is no folder with a config.json", {
      where: folder,
      fix: "a text encoder is a folder of a BERT or RoBERTa model: config.json, model.safetensors, and tokenizer.json or vocab.txt",
    })
  const config = readBert(readJsonObject(where), where)
  const recording = new RecordingWeights()
  new Bert(config, recording, dtype)
  const wanted = { layouts: [bertLayout(config)], expected: recording.shapes, tie: false }
  const { tensors } = locateTensors(folder, wanted)
  const device = chooseDevice(wantedDevice)
  const mapped = new MappedFiles()
  const weights = [...tensors].map(([name, view]): [string, Tensor] => {
    const stored = mapped.tensor(view)
    // On the CPU half-precision matrices stay as they are stored.
    const keep = stored.rank > 1 && BYTES[stored.dtype] < BYTES[dtype] && device === "cpu"
    return [name, stored.to({ device, dtype: keep ? stored.dtype : dtype })]
  })
  return new BertTextEncoder(config, new Bert(config, new MapWeights(new Map(weights)), dtype), folder)
}

const STRIPPED = new RegExp(`^${SPACE}+|${SPACE}+$`, "g")

class BertTextEncoder implements TextEncoder {
  readonly layers: number
  readonly bestLayer: number
  readonly hiddenSize: number
  readonly marks: ReadonlySet<number>
  readonly markCount: number
  readonly #model: Bert
  readonly #tokenizer: Tokenizer
  readonly #spaceBefore: boolean
  readonly #longest: number

  constructor(config: BertConfig, model: Bert, folder: string) {
    const tokenizer = Tokenizer.load(folder)
    const { before, after } = tokenizer.ends
    if (before.length !== 1 || after.length !== 1)
      throw new UserError("the tokenizer does not say which tokens a text begins and ends with", {
        where: path.join(folder, "tokenizer.json"),
        fix: 'its "post_processor" names them: copy the file from the model that this one was made from',
      })
    if (tokenizer.size > config.vocabSize)
      throw new UserError(`the tokenizer has ${tokenizer.size} tokens, the encoder ${config.vocabSize}`, {
        where: folder,
        fix: "use the tokenizer files of the model this one was made from",
      })
    this.layers = config.layers
    this.bestLayer = bestLayer(config)
    this.hiddenSize = config.hiddenSize
    this.marks = new Set([...before, ...after])
    this.markCount = before.length + after.length
    this.#model = model
    this.#tokenizer = tokenizer
    this.#spaceBefore = config.family.spaceBefore
    this.#longest = Math.min(config.longestText, longestSaid(folder))
  }

  ids(text: string): number[] {
    const { before, after } = this.#tokenizer.ends
    const stripped = text.replace(STRIPPED, "")
    const spaced = this.#spaceBefore && stripped !== "" ? ` ${stripped}` : stripped
    const ids = this.#tokenizer.encode(spaced, { special: true })
    return [...before, ...ids.slice(0, Math.max(0, this.#longest - this.markCount)), ...after]
  }

  forwardInPieces(texts: readonly (readonly number[])[], layers: number): Work<Tensor> {
    return this.#model.forwardInPieces(texts, layers)
  }
}

/** What tokenizer_config.json calls the longest text. */
function longestSaid(folder: string): number {
  const said = readOptionalJson(path.join(folder, "tokenizer_config.json"))?.model_max_length
  return typeof said === "number" && said >= 3 ? said : Number.POSITIVE_INFINITY
}
