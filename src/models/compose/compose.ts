/** A vision-language model from a language model, a vision tower and a new connector between them. Loads no weights. */

import fs from "node:fs"
import path from "node:path"
import { isAdapter } from "../../checkpoint/adapter-files.js"
import { type ModelConfig, withVocabulary } from "../../checkpoint/config.js"
import type { ElementType } from "../../checkpoint/element-types.js"
import { createFolder, requireFreeSpace, writeFileAtomic, writeJson } from "../../checkpoint/files.js"
import { type Json, readJsonObject } from "../../checkpoint/json.js"
import type { FileDigest } from "../../checkpoint/manifest.js"
import { readHeader, type TensorEntry } from "../../checkpoint/safetensors.js"
import { bytesOf } from "../../checkpoint/safetensors-header.js"
import { readView, type TensorView } from "../../checkpoint/tensor-view.js"
import { writeAuxiliaryFiles } from "../../checkpoint/write-auxiliary-files.js"
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import { ChatTemplate } from "../../text/chat-template.js"
import { imageTemplate } from "../../text/image-template.js"
import { type ImageToken, withImageToken } from "../../text/image-token.js"
import { readTokenizerFiles } from "../../text/tokenizer-file.js"
import { type Checkpoint, type DequantisedType, readCheckpoint } from "../checkpoint.js"
import { connectorNamed } from "../connectors/connector.js"
import { initialConnectorWeights } from "../connectors/initial-weights.js"
import { normaliseConfig } from "../read-config.js"
import { architectureOf, architectureOfType, expectedTensors } from "../registry.js"
import { tensorBytes, writeModel } from "../save.js"
import { rowsOfTile, type TiledVisionConfig } from "../tiled-vision.js"
import { readTower, type TowerFolder } from "../towers/folder.js"
import { towerFamilyOf, towerOfType } from "../towers/registry.js"
import { VISION_WEIGHTS } from "../vision-weights.js"
import { composedConfig } from "./config.js"
import { CONNECTOR_FILE, isOfConnector, languageViews, type PartsRecord, partRecord, writeParts } from "./parts.js"
import { pictureFiles } from "./pictures.js"

/** How the forms that a new model may have say what it is, and how its pictures are prepared. */
const LAYOUTS = { transformers: { configOf: composedConfig, picturesOf: pictureFiles } }

export type ComposeLayout = keyof typeof LAYOUTS

function layoutNamed(name: ComposeLayout): (typeof LAYOUTS)[ComposeLayout] {
  if (Object.hasOwn(LAYOUTS, name)) return LAYOUTS[name]
  throw new UserError(`there is no layout ${shown(name)} for a new model`, {
    fix: `use ${Object.keys(LAYOUTS).join(" or ")}`,
  })
}

export interface ComposeOptions {
  /** Folder or GGUF file of a language model of any family that reads text only. */
  language: string
  /** Folder of a vision tower of any registered family: alone, or in the contrastive model that it was trained in. */
  tower: string
  /** `mlp2x_gelu` (any depth), `linear` or `pixel_shuffle` (any factor). @default "mlp2x_gelu" */
  connector?: string
  /** In whose form it is saved. transformers: LLaVA's, and LLaVA-OneVision's where pictures are cut. @default "transformers" */
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
  files: ReadonlyMap<string, Json | string>
}

/**
 * Puts the parts together. Nothing is written, and no weights are read.
 * @throws UserError for a language model that sees already, an adapter, a tower that is none or has no image settings, parts that do
 *   not fit together, and a tokenizer without the token that is named
 */
export function composeModel(options: ComposeOptions): ComposedModel {
  const { language, layout = "transformers" } = options
  const { configOf, picturesOf } = layoutNamed(layout)
  const text = readLanguageModel(language, options.dequantised)
  const tower = readTowerAlone(options.tower)
  const vision = visionOf(tower, text.config, options)
  const image = imageTokenOf(text, options.imageToken)
  const rows = Math.max(text.config.text.vocabSize, image.id + 1)
  const grown = rows > text.config.text.vocabSize ? withVocabulary(text.config, rows) : text.config
  const raw = configOf(grown, vision, image.id)
  const config = normaliseConfig(raw, { where: "config.json of the new model" })
  const found = new Map<string, TensorView>([
    ...languageViews(text, rows),
    ...[...tower.tensors].map(([name, view]): [string, TensorView] => [`${VISION_WEIGHTS.tower}.${name}`, view]),
    ...connectorViews(vision, options),
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
  return { checkpoint, record, files: filesOf(text, image, picturesOf(tower.folder, vision, image.token)) }
}

/** Writes the model as a folder, which appears whole or not at all. */
export async function saveComposed(
  folder: string,
  composed: ComposedModel,
  options: { maxShardBytes?: number } = {},
): Promise<Map<string, FileDigest>> {
  const { config, tensors } = composed.checkpoint
  const entries = [...tensors].map(entryOf)
  await requireFreeSpace(
    folder,
    entries.reduce((sum, entry) => sum + bytesOf(entry), 0),
  )
  let written = new Map<string, FileDigest>()
  await createFolder(folder, async (staging) => {
    await writeFiles(staging, composed)
    written = await writeModel(staging, config, entries, options)
  })
  return written
}

/**
 * Writes the connector, and what names the parts, as a folder that appears whole or not at all: it is opened as the whole model is,
 * as long as the parts stay where they are.
 * @param options.replace what is there gives way
 */
export async function saveParts(
  folder: string,
  composed: ComposedModel,
  options: { replace?: boolean } = {},
): Promise<void> {
  const { config, tensors } = composed.checkpoint
  const entries = [...tensors].filter(([name]) => isOfConnector(name)).map(entryOf)
  await createFolder(
    folder,
    async (staging) => {
      await writeFiles(staging, composed)
      await writeParts(staging, { config, entries, record: composed.record })
    },
    options,
  )
}

const entryOf = ([name, view]: [string, TensorView]): TensorEntry => ({
  name,
  dtype: view.dtype,
  shape: [...view.shape],
  data: () => readView(view),
})

/** Everything but config.json and the weights: tokenizer, chat template, processors, generation defaults. */
async function writeFiles(folder: string, { record, files }: ComposedModel): Promise<void> {
  await writeAuxiliaryFiles(record.language.folder, folder)
  for (const [name, content] of files) {
    const file = path.join(folder, name)
    if (typeof content === "string") await writeFileAtomic(file, content)
    else await writeJson(file, content)
  }
}

function readLanguageModel(folder: string, dequantised?: DequantisedType): Checkpoint {
  if (isAdapter(folder))
    throw new UserError("it is an adapter, which is no whole language model", {
      where: folder,
      fix: "merge it with its base first: diffusionvl convert --merge",
    })
  const found = readCheckpoint(folder, dequantised)
  if (architectureOf(found.config).images)
    throw new UserError(`it is a ${architectureOf(found.config).title} model, which sees already`, {
      where: folder,
      fix: "translate it as it is, without a tower, or name a language model",
    })
  return found
}

function readTowerAlone(folder: string): TowerFolder {
  const file = path.join(folder, "config.json")
  const kind = fs.statSync(folder, { throwIfNoEntry: false })
  if (!kind?.isDirectory() || !fs.existsSync(file))
    throw new UserError(kind === undefined ? "there is no such folder" : "it is no folder with a config.json", {
      where: folder,
      fix: "a vision tower is a folder with config.json, model.safetensors and preprocessor_config.json",
    })
  const { model_type: type, vision_config: vision } = readJsonObject(file)
  const whole = architectureOfType(type)
  if (whole && (vision !== undefined || !towerOfType(type)))
    throw new UserError(`it is a whole model (${whole.title}), no vision tower`, {
      where: folder,
      fix: "give the folder of the tower alone, such as the one that the model was made with",
    })
  return readTower(folder)
}

function visionOf(
  { config: tower, folder }: TowerFolder,
  language: ModelConfig,
  { connector = "mlp2x_gelu", anyres, layer = towerFamilyOf(tower).usualLayer ?? -1 }: ComposeOptions,
): TiledVisionConfig {
  if (anyres !== undefined && !(Number.isInteger(anyres) && anyres >= 1 && anyres <= 9999))
    throw new UserError(`anyres is ${anyres}, not a number of tiles`, { fix: "use a whole number such as 4" })
  const vision: TiledVisionConfig = {
    tower,
    selection: { layers: [layer], skipFirst: tower.classTokens > 0, postNorm: false },
    connector: connectorNamed(connector),
    merge: anyres === undefined ? { type: "flat" } : { type: "spatial_unpad", maxTiles: anyres, decimals: 7 },
    hiddenSize: language.text.hiddenSize,
  }
  try {
    rowsOfTile(vision)
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause
    throw new UserError(`tower and connector do not fit together: ${cause.message}`, {
      where: folder,
      fix: cause.fix,
      cause,
    })
  }
  return vision
}

function imageTokenOf({ folder, config }: Checkpoint, wanted?: string): ImageToken {
  const used = new Set(Object.values(config.tokens).flat() as number[])
  return withImageToken(readTokenizerFiles(folder), { wanted, used, mask: config.tokens.mask })
}

/** New weights, or those of an earlier training. */
function connectorViews(
  vision: TiledVisionConfig,
  { seed = 42, connectorFrom }: ComposeOptions,
): [string, TensorView][] {
  const made = [...initialConnectorWeights(vision, seed)]
  const earlier = connectorFrom === undefined ? undefined : readHeader(path.join(connectorFrom, CONNECTOR_FILE)).tensors
  return made.map(([name, weight]) => {
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
}

const PLAIN_TOKENIZER = {
  tokenizer_class: "PreTrainedTokenizerFast",
  model_input_names: ["input_ids", "attention_mask"],
}

function filesOf(
  { folder, config }: Checkpoint,
  { token, definition, config: tokenizerConfig }: ImageToken,
  { preprocessor, processor }: ReturnType<typeof pictureFiles>,
): ComposedModel["files"] {
  const template = ChatTemplate.load(folder)?.source
  if (template === undefined && config.chatWithoutTemplate === undefined)
    throw new UserError("the language model has no chat template: nothing says how a conversation is written", {
      where: folder,
      fix: "use the model that was trained to answer, or put a chat_template.jinja into its folder",
    })
  const { chat_template: _, ...rest } = tokenizerConfig
  const { bos, eos, pad } = config.tokens
  const generation = {
    ...(bos !== undefined && { bos_token_id: bos }),
    ...(eos.length > 0 && { eos_token_id: eos.length === 1 ? eos[0] : eos }),
    ...(pad !== undefined && { pad_token_id: pad }),
  }
  const hasGeneration = fs.existsSync(path.join(folder, "generation_config.json"))
  return new Map<string, Json | string>([
    ["tokenizer.json", definition],
    // Where no class is named, transformers would take the one that is usual in LLaVA.
    ["tokenizer_config.json", { ...PLAIN_TOKENIZER, ...rest, processor_class: processor.processor_class }],
    ...(template === undefined ? [] : ([["chat_template.jinja", imageTemplate(template, token)]] as const)),
    ["preprocessor_config.json", preprocessor],
    ["processor_config.json", processor],
    ...(hasGeneration ? [] : ([["generation_config.json", generation]] as const)),
  ])
}
