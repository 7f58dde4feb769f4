/**
 * How the tiled families of transformers prepare pictures: the settings of a model folder, checked against the tower they are
 * for. Anything a file does not say has the value of transformers' slow processor.
 */

import {
  findImageSettings,
  findProcessorSettings,
  type ImageSettings,
  RESTORE,
} from "../../checkpoint/image-settings.js"
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import type { PictureSize } from "../picture-size.js"
import { CLIP_MEAN, CLIP_STD, HALF, meanColour, type PixelOptions } from "../pixels.js"
import { CURRENT_PILLOW } from "../resize.js"
import { type AnyresSettings, anyresMax } from "./anyres.js"
import { pixelSettings, type SettingsReader, settingsReader } from "./pixel-settings.js"
import type { SingleTileSettings } from "./single-tile.js"
import { exactSize, isSide, sizeSetting } from "./size-settings.js"
import type { SplitSettings } from "./split.js"

/** A tile of a model, as its tower takes it. */
export interface TileSize {
  /** Pixels per side. */
  imageSize: number
}

/** And what tower and connector make of it. */
export interface ModelTile extends TileSize {
  /** Tokens in the sequence. */
  tokens: number
}

type Kind = "clip" | "siglip" | "llava" | "onevision" | "split"

const NAMES: Record<Kind, RegExp> = {
  clip: /^CLIP(ImageProcessor(Fast|Pil)?|FeatureExtractor)$/,
  siglip: /^Siglip(ImageProcessor(Fast|Pil)?|FeatureExtractor)$/,
  llava: /^LlavaImageProcessor(Fast|Pil)?$/,
  onevision: /^LlavaOnevisionImageProcessor(Fast|Pil)?$/,
  split: /^(Idefics3|SmolVLM)ImageProcessor(Fast|Pil)?$/,
}

/** @throws UserError for a folder without settings, or with those of a processor that none of `kinds` is */
function read(folder: string, kinds: readonly Kind[]): { settings: ImageSettings; kind: Kind; reader: SettingsReader } {
  const settings = findImageSettings(folder)
  if (!settings)
    throw new UserError("there is no preprocessor_config.json: nothing says how pictures are prepared", {
      where: folder,
      fix: RESTORE,
    })
  const { values } = settings
  const key = values.image_processor_type == null ? "feature_extractor_type" : "image_processor_type"
  const name = values[key] ?? undefined
  const kind = name === undefined ? kinds[0] : kinds.find((one) => typeof name === "string" && NAMES[one].test(name))
  const reader = settingsReader(settings)
  if (kind === undefined)
    return reader.refuse(key, `is ${shown(name)}: such preparation is not supported for this model`)
  return { settings, kind, reader }
}

const isTrue = (value: unknown): boolean => value !== undefined && value !== null && value !== false

/** Settings of other processors that would change the picture, were they honoured. */
function refuseSteps(reader: SettingsReader, keys: readonly string[]): void {
  for (const key of keys)
    if (isTrue(reader.values[key])) reader.refuse(key, `is ${shown(reader.values[key])}, which is not supported`)
}

function pixelsOf(settings: ImageSettings, kind: Kind): PixelOptions {
  const isHalf = kind === "siglip" || kind === "split"
  const kernel = kind === "split" ? "lanczos" : "bicubic"
  const otherwise = { kernel, mean: isHalf ? HALF : CLIP_MEAN, std: isHalf ? HALF : CLIP_STD } as const
  return { ...pixelSettings(settings, otherwise), pillow: CURRENT_PILLOW }
}

/**
 * CLIP's, SigLIP's or LLaVA's preparation of a whole picture.
 * @throws UserError naming file and key for a setting that cannot be right, or gives other tiles than the tower takes
 */
export function singleTileSettings(
  folder: string,
  tower: TileSize,
): { settings: SingleTileSettings; pixels: PixelOptions } {
  const { settings, kind, reader } = read(folder, ["clip", "siglip", "llava"])
  const pixels = pixelsOf(settings, kind)
  const resizes = reader.flag("do_resize")
  if (kind === "siglip") {
    refuseSteps(reader, ["do_center_crop", "do_pad"])
    if (!resizes) reader.refuse("do_resize", "is false: the tower takes pictures of one size", "set it to true")
    const size = exactSize(reader, "size", { height: 224, width: 224 }, false)
    requireTile(reader, "size", size, tower)
    return { settings: { size }, pixels }
  }
  const pads = reader.flag("do_pad", false)
  if (pads && kind === "clip") reader.refuse("do_pad", "is true, which CLIPImageProcessor does not have")
  const crop = reader.flag("do_center_crop") ? exactSize(reader, "crop_size", { height: 224, width: 224 }) : undefined
  const sides = resizes
    ? sizeSetting(reader, "size", {
        forms: [["shortest_edge"], ["height", "width"]],
        bare: ["shortest_edge"],
        otherwise: { shortest_edge: 224 },
      })
    : undefined
  const { shortest_edge: shortestEdge, height, width } = sides ?? {}
  const size =
    shortestEdge !== undefined
      ? { shortestEdge }
      : width !== undefined && height !== undefined
        ? { width, height }
        : undefined
  const isFixed = crop !== undefined || width !== undefined || (pads && size !== undefined)
  if (!isFixed) reader.refuse("do_center_crop", "is false: the tower takes pictures of one shape", "set it to true")
  const side = shortestEdge ?? 0
  if (crop) requireTile(reader, "crop_size", crop, tower)
  else requireTile(reader, "size", height && width ? { width, height } : { width: side, height: side }, tower)
  const canvas = pads ? meanColour(reader.perChannel("image_mean", CLIP_MEAN)) : undefined
  return { settings: { ...(canvas && { canvas }), ...(size && { size }), ...(crop && { crop }) }, pixels }
}

function requireTile(reader: SettingsReader, key: string, { width, height }: PictureSize, tower: TileSize): void {
  if (width === tower.imageSize && height === tower.imageSize) return
  reader.refuse(
    key,
    `makes tiles of ${width} × ${height} pixels, but the model's vision_config.image_size is ${tower.imageSize}`,
  )
}

/** A key of processor_config.json, if it is there, says what the model's own configuration says. */
function requireAgreement(folder: string, wanted: Record<string, unknown>): void {
  const { values, refuse } = settingsReader(findProcessorSettings(folder))
  for (const [key, value] of Object.entries(wanted))
    if (values[key] != null && values[key] !== value)
      refuse(key, `is ${shown(values[key])}, but the model's configuration makes it ${shown(value)}`)
}

/** What LLaVA's configuration says of its features. */
export interface LlavaFeatures extends TileSize {
  /** Rows and columns of patches in a tile. */
  grid: readonly [rows: number, columns: number]
  /** CLIP's towers have one, SigLIP's have not. */
  classToken: boolean
  /** vision_feature_select_strategy: default leaves out the first feature. */
  select: "default" | "full"
}

/**
 * LLaVA-1.5's processor counts tokens by itself, from the pixels of a patch: as many as the model has.
 * @throws UserError for a processor_config.json that contradicts the model
 */
export function requireLlavaCount(folder: string, { imageSize, grid, classToken, select }: LlavaFeatures): void {
  requireAgreement(folder, {
    num_additional_image_tokens: classToken ? 1 : 0,
    vision_feature_select_strategy: select,
  })
  const { values, refuse } = settingsReader(findProcessorSettings(folder))
  const { patch_size: patch } = values
  if (patch == null) return
  const perSide = Math.floor(imageSize / (patch as number))
  if (grid.some((side) => side !== perSide))
    refuse("patch_size", `is ${shown(patch)}, but the model's tower has ${grid.join(" × ")} patches in a tile`)
}

/** What LLaVA-OneVision's configuration says of its pictures: the same as its processors, or nothing fits. */
export interface OneVisionModel extends ModelTile {
  /** [height, width] each. */
  pinpoints: unknown
  /** Of vision_aspect_ratio. */
  maxTiles: number
}

/** Most canvases to choose from. */
const MOST_PINPOINTS = 4096

/**
 * The canvases of image_grid_pinpoints.
 * @param order of the two numbers
 * @throws what `refuse` throws, for anything else than a list of pairs that are multiples of a tile
 */
export function pinpointsOf(
  value: unknown,
  side: number,
  order: "height first" | "width first",
  refuse: (what: string) => never,
): PictureSize[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_PINPOINTS)
    return refuse(`is ${shown(value)}, not a list of 1 to ${MOST_PINPOINTS} pairs`)
  return value.map((pair: unknown) => {
    const [first, second] = Array.isArray(pair) && pair.length === 2 ? pair : []
    if (!isSide(first) || !isSide(second) || first % side !== 0 || second % side !== 0)
      return refuse(`has ${shown(pair)}, not two multiples of a tile's ${side} pixels`)
    return order === "height first" ? { width: second, height: first } : { width: first, height: second }
  })
}

/** Canvases of LLaVA's anyres, [height, width] each: 1 to 6 tiles down and across. */
export const pinpointsFor = (side: number): number[][] =>
  Array.from({ length: 36 }, (_, i) => [side * (1 + Math.floor(i / 6)), side * (1 + (i % 6))])

/** What transformers' processor has by itself. */
const PINPOINTS = pinpointsFor(384)

/**
 * LLaVA-OneVision's preparation.
 * @throws UserError naming file and key for a setting that cannot be right, or contradicts the model
 */
export function oneVisionSettings(
  folder: string,
  model: OneVisionModel,
): { settings: AnyresSettings; pixels: PixelOptions } {
  const { settings, kind, reader } = read(folder, ["onevision"])
  const pixels = pixelsOf(settings, kind)
  const { imageSize: side } = model
  refuseSteps(reader, ["do_center_crop"])
  reader.flag("do_pad")
  if (!reader.flag("do_resize"))
    reader.refuse("do_resize", "is false: the tower takes pictures of one size", "set it to true")
  const size = sizeSetting(reader, "size", {
    forms: [["height", "width"], ["shortest_edge"]],
    bare: ["shortest_edge"],
    otherwise: { height: 384, width: 384 },
  })
  const { shortest_edge: edge = 0, width = edge, height = edge } = size
  requireTile(reader, "size", { width, height }, model)
  const key = "image_grid_pinpoints"
  const candidates = pinpointsOf(reader.values[key] ?? PINPOINTS, side, "height first", (what) =>
    reader.refuse(key, what),
  )
  const ofModel = pinpointsOf(model.pinpoints ?? PINPOINTS, side, "height first", (what) => {
    throw new UserError(`${key} of the model's config.json ${what}`, { where: folder, fix: RESTORE })
  })
  if (JSON.stringify(candidates) !== JSON.stringify(ofModel))
    reader.refuse(key, "is not the same as that of the model's config.json")
  requireAgreement(folder, {
    num_image_tokens: model.tokens,
    vision_feature_select_strategy: "full",
    vision_aspect_ratio: anyresMax(model.maxTiles),
  })
  const anyres = { aspect: "anyres", merge: "spatial_unpad", decimals: 7 } as const
  return { settings: { ...anyres, side, tokensPerTile: model.tokens, candidates, maxTiles: model.maxTiles }, pixels }
}

/**
 * Idefics3's and SmolVLM's preparation.
 * @throws UserError naming file and key for a setting that cannot be right, or contradicts the model
 */
export function splitSettings(folder: string, tile: ModelTile): { settings: SplitSettings; pixels: PixelOptions } {
  const { settings, kind, reader } = read(folder, ["split"])
  const pixels = pixelsOf(settings, kind)
  refuseSteps(reader, ["do_center_crop"])
  reader.flag("do_pad")
  const { longest_edge: side = 0 } = sizeSetting(reader, "max_image_size", {
    forms: [["longest_edge"]],
    otherwise: { longest_edge: 364 },
  })
  if (side !== tile.imageSize)
    reader.refuse(
      "max_image_size.longest_edge",
      `is ${side}, but the model's vision_config.image_size is ${tile.imageSize}`,
    )
  const { longest_edge: longestEdge, ...exact } = sizeSetting(reader, "size", {
    forms: [["longest_edge"], ["height", "width"]],
    otherwise: { longest_edge: 1456 },
  })
  const size = longestEdge === undefined ? (exact as PictureSize) : { longestEdge }
  requireAgreement(folder, { image_seq_len: tile.tokens })
  return {
    settings: {
      ...(reader.flag("do_resize") && { size }),
      side,
      splits: reader.flag("do_image_splitting"),
      tokensPerTile: tile.tokens,
    },
    pixels,
  }
}
