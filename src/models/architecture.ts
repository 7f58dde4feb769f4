/** What the program knows of a family of models: one object each, beside its classes. Knows no paradigm. */

import type { ModelConfig } from "../checkpoint/config.js"
import type { ElementType } from "../checkpoint/element-types.js"
import type { ImageSettings } from "../checkpoint/image-settings.js"
import type { Json } from "../checkpoint/json.js"
import type { Layout } from "../checkpoint/layout.js"
import type { ParadigmRecord } from "../checkpoint/paradigm-record.js"
import type { TensorView } from "../checkpoint/tensor-view.js"
import type { RgbImage } from "../image/decode.js"
import type { PictureSize } from "../image/picture-size.js"
import type { ImagePiece } from "../image/processors/pieces.js"
import type { DType } from "../torch/index.js"
import type { MropePositions } from "./decoder/mrope-positions.js"
import type { ImageInput, LanguageModel } from "./types.js"
import type { WeightSource } from "./weight-source.js"

/** What a family may look at beside config.json. */
export interface ConfigFiles {
  /** The file that is read, for errors. */
  where?: string
  /** The model's folder: where what the file names by path is looked for. */
  folder?: string
  /** vision_config.json. */
  visionConfig?: Json
  /** Settings of the image processor. */
  imageSettings?: ImageSettings
}

/** Limits of a picture's area in pixels. */
export interface PixelLimits {
  minPixels: number
  maxPixels: number
}

/** A key of config.json that names a token. */
export interface NamedToken {
  key: string
  /** Transformers' default, which models of any vocabulary are saved with. */
  usual?: number
  /** What tokenizers call it, where it has one name. */
  token?: string
}

export interface Architecture<C extends ModelConfig = ModelConfig> {
  /** As `config.family` has it. */
  name: string
  /** What people call the family, for messages. */
  title: string
  /** What config.json may call it. */
  modelTypes: readonly string[]
  /** Ids in config.json that must be rows of the model. @default those that begin, end and pad texts */
  namedTokens?: readonly NamedToken[]
  /**
   * config.json, checked.
   * @throws UserError naming the key that cannot be right
   */
  read(json: Json, files: ConfigFiles): C
  /** config.json again, in the keys that the family's users look for. `dtype` is that of the stored weights. */
  write(config: C, dtype: ElementType): Json
  /** Names on disk ↔ canonical ones. The model is written in the first; which one it is read in, its names tell. */
  layouts(config: C): readonly Layout[]
  /**
   * Tensors that the folder's own files lack and the model has elsewhere: a tower in its own folder, a connector in a file beside.
   * @param stored names in the folder's files
   * @returns stored names and where the bytes are
   */
  elsewhere?(config: C, folder: string, stored: ReadonlySet<string>): readonly (readonly [string, TensorView])[]
  /** Another model that this one takes its tower from, by folder or hub id, where it does not describe the tower itself. */
  tower?(json: Json): string | undefined
  /** The model over these weights, computing in `dtype`. Takes every weight in the constructors, and computes nothing there. */
  build(config: C, weights: WeightSource, dtype: DType): LanguageModel
  /** The same weights for another paradigm, where more than the record changes. `masks`: whether it hides tokens; `image`: other limits for pictures. */
  asParadigm?(config: C, paradigm: ParadigmRecord, options: { masks: boolean; image?: PixelLimits }): C
  /**
   * How the model's pictures are prepared, with the settings of its folder.
   * @throws UserError naming file and key for a setting that cannot be right
   */
  images?(config: C, folder: string | undefined, limits: Partial<PixelLimits>): ImageProcessor
  /** The training input that the authors' converter makes of the model: three float32 files without metadata. */
  converted?(config: C): { layout: Layout; jsonFiles: { file: string; value: Json }[] }
}

export interface PictureOptions {
  /** Whether it is put on a square canvas first, for families that leave the choice. @default false */
  pad?: boolean
  /** Only the small copy of the whole, of families that cut pictures into tiles beside one (docs/reference.md, Q1). @default false */
  wholeOnly?: boolean
  /** Pictures of the conversation: of several, some families cut none into tiles. @default 1 */
  among?: number
}

/** What recipes can set of pictures: limits of their area, and options of {@link PictureOptions}. */
export type PictureSetting = "limits" | "pad" | "wholeOnly"

/** Makes pictures ready: plain data in, plain data out. */
export interface ImageProcessor {
  /** What recipes can set: the others, which would change nothing, are refused. @default nothing is refused */
  readonly follows?: readonly PictureSetting[]
  /**
   * What a picture of this size stands for in the sequence.
   * @throws UserError for a size that cannot be prepared
   */
  pieces(size: PictureSize, options?: PictureOptions): readonly ImagePiece[]
  /** @throws UserError for a picture that cannot be prepared */
  prepare(image: RgbImage, options?: PictureOptions): Promise<ImageInput>
  /**
   * Positions of a sequence, where pictures make them other than 0, 1, 2, …
   * @param ids one negative id for each picture, which stands for all its tokens
   * @param images as they were prepared; of those that were shown before typed arrays are left out
   */
  positions?(ids: ArrayLike<number>, images: readonly ImageInput[]): MropePositions
}
