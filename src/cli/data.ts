/** Prints the problems of a data file as they are found, then a summary. */

import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import type { ModelConfig } from "../checkpoint/config.js"
import { ggufFile } from "../checkpoint/gguf/find.js"
import { type CheckEvent, type CheckOptions, checkDataset, type DataSummary } from "../data/check.js"
import { UserError } from "../errors.js"
import { modelUrlProblem } from "../hub/model-url.js"
import { decodeImage } from "../image/decode.js"
import type { PictureSize } from "../image/picture-size.js"
import { DIFFUSION_IMAGE } from "../image/processors/qwen.js"
import { imageSize, imageTokens } from "../image/size.js"
import { modelFolders } from "../models/adapters/adapter-folders.js"
import { requireBaseOfAdapter } from "../models/adapters/base-model.js"
import { readAdapted } from "../models/adapters/read-adapter.js"
import { chatFormatOf } from "../models/chat-format.js"
import { readConfig } from "../models/read-config.js"
import { imageProcessorOf, requireImages } from "../models/vision/images.js"
import { DEFAULT_PARADIGM, paradigmNamed } from "../paradigms/registry.js"
import { asParadigm } from "../paradigms/translate.js"
import type { ChatFormat } from "../text/conversation.js"
import { PlainFormat } from "../text/formats/plain-format.js"
import { type ImageSpan, spanOf } from "../text/image-span.js"
import { Tokenizer } from "../text/tokenizer/tokenizer.js"
import { hasTokenizer } from "../text/tokenizer/tokenizer-file.js"
import { chosenParadigm, type TrainingConfig } from "../train/recipe/config.js"
import { pictureOptions, smallerPictures } from "../train/recipe/pictures.js"
import { readTrainingPlan } from "../train/recipe/plan.js"
import { composedHere } from "./composed-here.js"
import { EXIT_FAILED } from "./process/errors.js"
import { formatCount } from "./ui/format.js"
import { sampleJson, sampleText } from "./ui/learned.js"
import { Progress } from "./ui/progress.js"

interface DataCheckOptions {
  imageRoot?: string
  decode?: boolean
  model?: string
  base?: string
  recipe?: string
  untrusted?: boolean
  limit?: number
  show?: boolean
  json?: boolean
}

/**
 * How a training with this recipe, or one without settings of its own, would prepare the records.
 * @param pictures the folder with the model's settings of pictures
 */
function trainingOptions(
  recipe: TrainingConfig | undefined,
  config: ModelConfig | undefined,
  formatOf: (config: ModelConfig) => ChatFormat,
  tokenizer: Tokenizer | undefined,
  pictures: string | undefined,
): CheckOptions {
  const { data } = recipe ?? {}
  const paradigm = paradigmNamed(recipe?.paradigm ?? DEFAULT_PARADIGM)
  const trained = config && (paradigm.name === config.paradigm.name ? config : asParadigm(config, paradigm))
  const limits = { minPixels: data?.min_pixels, maxPixels: data?.max_pixels }
  const images = trained && imageProcessorOf(trained, pictures, limits)
  const options = pictureOptions(data ?? {}, images)
  const spanOfSize = (size: PictureSize, among: number): ImageSpan => {
    if (trained && tokenizer) return spanOf(requireImages(images).pieces(size, { ...options, among }), tokenizer)
    return imageTokens(size, options.pad ? "pad" : "native", {
      minPixels: limits.minPixels ?? DIFFUSION_IMAGE.minPixels,
      maxPixels: limits.maxPixels ?? DIFFUSION_IMAGE.maxPixels,
    })
  }
  return {
    imageRoot: data?.image_root,
    format: trained ? formatOf(trained) : paradigm.masks ? "qwen_2_5" : "qwen2_5_vl",
    learn: recipe && paradigm.learn?.(chosenParadigm(recipe).section),
    trusted: data?.trusted,
    maxLength: data?.max_length,
    smaller: images ? smallerPictures(images) : "lower data.max_pixels",
    // Of a model that is put together, and is not here, nobody knows what pictures stand for.
    ...((trained || !recipe?.vision) && {
      imageSpan: async (path, among) => spanOfSize(await imageSize(path), among),
    }),
  }
}

/** Of a folder that is a model, or an adapter of one. */
function configOf(source: string, base: string | undefined): ModelConfig | undefined {
  if (base !== undefined) return readAdapted(source, base).checkpoint.config
  const isModel = ggufFile(source) !== undefined || existsSync(join(source, "config.json"))
  return isModel ? readConfig(source) : undefined
}

/** Records that --show shows without --limit. */
const SHOWN = 10

/** @returns the exit code: 1 when a record is bad */
export async function dataCheck(file: string, options: DataCheckOptions): Promise<number> {
  const { model, recipe: recipeFile } = options
  const url = model === undefined ? undefined : modelUrlProblem(model)
  if (url) throw new UserError(url.what, { where: url.shown, fix: "give the folder of a model on this machine" })
  const stages = recipeFile === undefined ? [] : readTrainingPlan(recipeFile).stages.map(({ config }) => config)
  // Of stages the one that learns from this file.
  const recipe = stages.find((config) => config.data.file === resolve(file)) ?? stages[0]
  if (model !== undefined || !recipe?.vision) return checkAs(file, recipe, model, options)
  const composed = await composedHere(recipe)
  try {
    return await checkAs(file, recipe, composed?.folder, options)
  } finally {
    composed?.remove()
  }
}

/** @param model what reads the records. @default the recipe's, if it is here */
async function checkAs(
  file: string,
  recipe: TrainingConfig | undefined,
  model: string | undefined,
  { imageRoot, decode, base: given, untrusted, limit, show, json }: DataCheckOptions,
): Promise<number> {
  // A model that has to be downloaded is not, for a look at the data.
  const source = model ?? (recipe && !recipe.vision && hasTokenizer(recipe.model) ? recipe.model : undefined)
  if (model !== undefined) requireBaseOfAdapter(model, given)
  const folders = source === undefined ? undefined : modelFolders(source, given)
  const tokenizer = folders && Tokenizer.load(folders.texts)
  const config = folders && configOf(source!, folders.base)
  if (show && !tokenizer)
    throw new UserError("what is learned is shown in tokens, and there is no tokenizer", {
      where: "--show",
      fix: "give --model, or a --recipe whose model is on this machine",
    })
  const formatOf = (config: ModelConfig): ChatFormat => {
    if (recipe?.data.format === "captions") return "llada_plain"
    const format = chatFormatOf(config, folders!.texts, tokenizer!)
    if (format instanceof PlainFormat) throw format.noConversations()
    return format
  }
  const progress = new Progress("checking")
  let bad = 0
  for await (const event of checkDataset(file, {
    ...trainingOptions(recipe, config, formatOf, tokenizer, folders?.pictures),
    ...(imageRoot !== undefined && { imageRoot }),
    ...(untrusted && { trusted: false }),
    limit,
    show: show ? (limit ?? SHOWN) : 0,
    tokenizer,
    ...(decode && { decode: decodeImage }),
  })) {
    if (event.type === "progress") progress.update(event.done, event.total, bad > 0 ? `${bad} bad` : "")
    else if (event.type === "summary") {
      progress.finish("")
      bad = event.bad
      process.stdout.write(json ? `${JSON.stringify(event)}\n` : `${summaryText(event, recipe)}\n`)
    } else if (event.type === "sample") {
      const text = json ? sampleJson(event, tokenizer!) : sampleText(event, tokenizer!)
      if (process.stdout.isTTY) progress.note(text)
      else process.stdout.write(`${text}\n`)
    } else {
      bad++
      const line = json ? JSON.stringify(event) : problemText(event)
      if (process.stdout.isTTY) progress.note(line)
      else process.stdout.write(`${line}\n`)
    }
  }
  return bad > 0 ? EXIT_FAILED : 0
}

const problemText = ({ where, what, fix }: Extract<CheckEvent, { type: "problem" }>): string =>
  `${where}: ${what}${fix ? `\n  ${fix}` : ""}`

function summaryText(
  { records, checked, bad, textOnly, multiImage, images, answers, tokens }: DataSummary,
  recipe: TrainingConfig | undefined,
): string {
  const lines = [
    `${formatCount(checked)} of ${formatCount(records)} records checked: ${bad === 0 ? "all good" : `${bad} bad`}`,
    `${formatCount(images)} images · ${textOnly} records without, ${multiImage} with several · ${formatCount(answers)} answers to learn from`,
  ]
  if (tokens)
    lines.push(
      `${formatCount(tokens.total)} tokens, the longest record ${tokens.longestIndex} has ${tokens.longest} (those of images included)`,
    )
  else if (recipe)
    lines.push("lengths are unknown: the recipe's model is not on this machine (give --model to count tokens)")
  return lines.join("\n")
}
