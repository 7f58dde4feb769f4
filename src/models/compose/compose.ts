/** A vision-language model from a language model, a vision tower and a new connector between them. Loads no weights. */

import path from "node:path"
import type { ElementType } from "../../checkpoint/element-types.js"
import { readHeader } from "../../checkpoint/safetensors/safetensors.js"
import type { TensorView } from "../../checkpoint/tensor-view.js"
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import type { Checkpoint, DequantisedType } from "../checkpoint.js"
import { initialConnectorWeights } from "../connectors/initial-weights.js"
import { grownViews } from "../grown-views.js"
import { normaliseConfig } from "../read-config.js"
import { expectedTensors } from "../registry.js"
import { tensorBytes } from "../save.js"
import type { TiledVisionConfig } from "../vision/tiled-vision.js"
import { VISION_WEIGHTS } from "../vision/vision-weights.js"
import { authorsForm } from "./authors-form.js"
import type { FilesBeside } from "./form.js"
import { readLanguageModel, readTowerAlone, visionOf } from "./open-parts.js"
import { CONNECTOR_FILE, type PartsRecord, partRecord } from "./parts.js"
import { transformersForm } from "./transformers-form.js"

/** The forms that a new model may have. */
export type ComposeLayout = "transformers" | "authors"

const LAYOUTS: Record<ComposeLayout, typeof transformersForm> = { transformers: transformersForm, authors: authorsForm }

export interface ComposeOptions {
  /** Folder or GGUF file of a language model of any family that reads text only. */
  language: string
  /** Folder of a vision tower of any registered family: alone, or in the contrastive model that it was trained in. */
  tower: string
  /** `mlp2x_gelu` (any depth), `linear` or `pixel_shuffle` (any factor). @default "mlp2x_gelu" */
  connector?: string
  /**
   * In whose form it is. transformers: LLaVA's, and LLaVA-OneVision's where pictures are cut. authors: that of DVL-Qwen and LLaDA-V, for Qwen2
   * and LLaDA, with the conversations that they train on. @default "transformers"
   */
  layout?: ComposeLayout
  /** Pictures are cut into tiles, whose features are shrunk to about those of so many (LLaVA's anyres_max_N). @default each picture is one tile */
  anyres?: number
  /** Which hidden state of the tower the connector gets, as `FeatureSelection` counts them. @default the one that is usual for the family */
  layer?: number
  /** The token that stands for a picture. @default <image> or the like where the tokenizer has it, else a spare one, else <image> is added */
  imageToken?: string
  /** Of the connector's weights. @default 42 */
  seed?: number
  /** A folder of `saveParts` whose connector is taken over; what it lacks, such as a newline, is made. @default a new one */
  connectorFrom?: string
  /** What the parts are called in that folder. @default where they lie */
  names?: { language: string; tower: string }
  /** What quantised weights of a GGUF file become. @default "float32" */
  dequantised?: DequantisedType
}

/** A model whose weights lie in the files of its parts. */
export interface ComposedModel {
  /** For `loadCheckpoint`: language model and tower are mapped from their files, the connector is made when it is read. */
  checkpoint: Checkpoint
  /** Which parts it is made of. */
  record: PartsRecord
  /** What stands beside config.json and the weights, by the name of the file. */
  files: FilesBeside
  /** Weights of the connector that nothing has learned yet, by canonical names. */
  made: readonly string[]
}

/**
 * Puts the parts together. Nothing is written, and no weights are read.
 * @throws UserError for a language model that sees already, an adapter, a tower that is none or has no image settings, parts that do
 *   not fit together, and a tokenizer without the token that is named
 */
export function composeModel(options: ComposeOptions): ComposedModel {
  const { language, layout = "transformers" } = options
  if (!Object.hasOwn(LAYOUTS, layout))
    throw new UserError(`there is no layout ${shown(layout)} for a new model`, {
      fix: `use ${Object.keys(LAYOUTS).join(" or ")}`,
    })
  const text = readLanguageModel(language, options.dequantised)
  const tower = readTowerAlone(options.tower)
  const vision = visionOf(tower, text.config, options)
  const { raw, files } = LAYOUTS[layout]({ text, tower, vision, options })
  const config = normaliseConfig(raw, { where: "config.json of the new model" })
  const rows = config.text.vocabSize
  const connector = connectorViews(vision, options)
  const found = new Map<string, TensorView>([
    ...grownViews(text.tensors, rows),
    ...[...tower.tensors].map(([name, view]): [string, TensorView] => [`${VISION_WEIGHTS.tower}.${name}`, view]),
    ...connector.views,
  ])
  const tensors = new Map([...expectedTensors(config).keys()].map((name) => [name, found.get(name)!]))
  const checkpoint = {
    folder: language,
    config,
    layout,
    tensors,
    weightFiles: text.weightFiles,
    ignoredFiles: [],
  }
  const { names } = options
  const record = {
    language: partRecord(names?.language ?? language, text.folder, text.tensors),
    tower: partRecord(names?.tower ?? options.tower, tower.folder, tower.tensors),
  }
  return { checkpoint, record, files, made: connector.made }
}

/** New weights, or those of an earlier training. */
function connectorViews(
  vision: TiledVisionConfig,
  { seed = 42, connectorFrom }: ComposeOptions,
): { views: [string, TensorView][]; made: string[] } {
  const initial = [...initialConnectorWeights(vision, seed)]
  const earlier = connectorFrom === undefined ? undefined : readHeader(path.join(connectorFrom, CONNECTOR_FILE)).tensors
  const views = initial.map(([name, weight]): [string, TensorView] => {
    const known = earlier?.get(name)
    if (known && known.shape.join() !== weight.shape.join())
      throw new UserError(`the connector's ${name} is [${known.shape}], not [${weight.shape}]`, {
        where: connectorFrom,
      })
    return [
      name,
      known ?? { dtype: weight.dtype as ElementType, shape: [...weight.shape], data: () => tensorBytes(weight) },
    ]
  })
  return { views, made: initial.flatMap(([name]) => (earlier?.has(name) ? [] : [name])) }
}
