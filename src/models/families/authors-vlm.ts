/**
 * The authors' models with a tower of square tiles: a language model whose config.json has the mm_… keys of LLaVA's code. Which
 * language model, and what its published forms are called, is a file of its own each.
 */

import type { ModelConfig } from "../../checkpoint/config.js"
import type { ElementType } from "../../checkpoint/element-types.js"
import { isObject, type Json } from "../../checkpoint/json.js"
import type { Layout } from "../../checkpoint/layout.js"
import { type ParadigmRecord, paradigmJson, readParadigm } from "../../checkpoint/paradigm-record.js"
import { UserError } from "../../errors.js"
import { anyresProcessor } from "../../image/processors/anyres-tiles.js"
import { AUTHORS_PIXELS, authorsSettings, requireAuthorsPixels } from "../../image/processors/authors-settings.js"
import { shown } from "../../readable.js"
import type { Architecture, ConfigFiles } from "../architecture.js"
import { architectureOf } from "../registered.js"
import { namedTower } from "../towers/named.js"
import { readTowerConfig, towerFamilyOf } from "../towers/registry.js"
import type { TowerConfig } from "../towers/tower.js"
import { tiledImages, tileOf } from "../vision/tiled-images.js"
import { buildTiled } from "../vision/tiled-model.js"
import type { TiledVisionConfig } from "../vision/tiled-vision.js"
import { authorsVisionRules } from "../vision/vision-layouts.js"
import { elsewhereOf } from "./authors-elsewhere.js"
import { readAuthorsVision, writeAuthorsVision } from "./authors-vision.js"
import { bd3lmJson, noBd3lm, readBd3lm, validateBd3lm } from "./bd3lm-keys.js"

export interface AuthorsConfig extends ModelConfig {
  /** Family of the language model. */
  language: string
  vision: TiledVisionConfig
  /** The tower as it is published, before the authors' code takes its last layer away. */
  publishedTower: TowerConfig
}

/** A published form: what config.json calls it, its class there, and the paradigm that is meant where none is recorded. */
interface Form {
  type: string
  architecture: string
  published: ParadigmRecord
}

export interface AuthorsFamily {
  name: string
  title: string
  /** Family of the language model. */
  language: string
  /** Format of conversations, in training and in evaluation. */
  chat: string
  /** The form of block diffusion, whose options have keys of their own. */
  blocks: Form
  /** The other, which is also that of paradigms in which nobody has published these parts. */
  plain: Form
}

/** The architecture of a family, from what is its own. */
export function authorsVlm(family: AuthorsFamily): Architecture<AuthorsConfig> {
  const { name, title, blocks, plain } = family
  return {
    name,
    title,
    modelTypes: [blocks.type, plain.type],
    read: (raw, files) => read(family, raw, files),
    write: (config, dtype) => write(family, config, dtype),
    layouts: (config) =>
      languageOf(config)
        .layouts(inner(config))
        .map(({ rules, ignored = [], ...layout }): Layout => {
          return { ...layout, rules: [...authorsVisionRules, ...rules], ignored: [...ignored, POSITION_IDS] }
        }),
    elsewhere: (config, folder, stored) => elsewhereOf(config, folder, stored),
    tower: ({ mm_vision_tower: tower, vision_config: described }) =>
      typeof tower === "string" && !isObject(described) ? tower : undefined,
    images({ vision, raw }, folder) {
      const tile = tileOf(vision)
      if (folder !== undefined) requireAuthorsPixels(folder, tile)
      const settings = authorsSettings(raw, tile)
      return tiledImages(
        (wholeOnly) => anyresProcessor({ ...settings, wholeOnly }, AUTHORS_PIXELS),
        ({ layout }) => layout,
      )
    },
    build: buildTiled,
  }
}

const languageOf = ({ language }: Pick<AuthorsConfig, "language">): Architecture => architectureOf({ family: language })
const inner = (config: AuthorsConfig): ModelConfig => ({ ...config, family: config.language })

/** The published form of a model, by its paradigm. */
const formOf = ({ blocks, plain }: AuthorsFamily, paradigm: ParadigmRecord): Form =>
  [blocks, plain].find(({ published }) => paradigm.name === published.name) ?? plain

function read(family: AuthorsFamily, raw: Json, files: ConfigFiles): AuthorsConfig {
  const { name, language, chat, blocks, plain } = family
  const { where } = files
  const { chatWithoutTemplate: _, ...text } = languageOf({ language }).read(raw, { where })
  const tower = towerOf(raw, files)
  const isBlocks = raw.model_type === blocks.type
  const config: AuthorsConfig = {
    ...text,
    family: name,
    language,
    chat,
    paradigm: readParadigm(raw, where) ?? (isBlocks ? readBd3lm(raw, where) : plain.published),
    vision: readAuthorsVision(raw, tower, text.text.hiddenSize, where),
    publishedTower: tower,
    decoding: { confidenceFrom: "unmodified", singleBlockSchedule: "genLength" },
    raw,
  }
  if (formOf(family, config.paradigm) === blocks) validateBd3lm(config.paradigm, config.text.maxPositions, where)
  // Here, so that a key that cannot be right is told before weights are looked for.
  authorsSettings(raw, tileOf(config.vision), where)
  return config
}

function write(family: AuthorsFamily, config: AuthorsConfig, dtype: ElementType): Json {
  const { paradigm, raw, vision, publishedTower: tower } = config
  const form = formOf(family, paradigm)
  const isBlocks = form === family.blocks
  return {
    ...languageOf(config).write(inner(config), dtype),
    architectures: raw.model_type === form.type ? (raw.architectures ?? [form.architecture]) : [form.architecture],
    model_type: form.type,
    ...writeAuthorsVision(vision),
    vision_config: towerFamilyOf(tower).write(tower),
    ...(isBlocks ? bd3lmJson(paradigm) : noBd3lm()),
    // The options of blocks are in the keys above.
    ...paradigmJson(isBlocks ? form.published : paradigm, form.published.name),
  }
}

/** A buffer that old programs saved. */
const POSITION_IDS = "model.vision_tower.vision_tower.vision_model.embeddings.position_ids"

/** The tower as the file describes it, where this program wrote it; else the one that it names. */
function towerOf(raw: Json, { where, folder }: ConfigFiles): TowerConfig {
  const { vision_config: described, mm_vision_tower: name } = raw
  if (isObject(described)) return readTowerConfig(described, { key: "vision_config", where })
  if (typeof name === "string") return namedTower(name, folder, where)
  throw new UserError(`mm_vision_tower is ${shown(name)}: it names the vision tower of the model`, {
    where,
    fix: "set it to the folder or the hub id of the tower that the model was trained with",
  })
}
