/** The public library. Everything here is stable; deeper imports are not. Tensors: diffusionvl/torch. */

// Train one.
export { type Random, randomFrom } from "./data/prng.js"
export { UserError } from "./errors.js"
// Decode token ids, step by step.
export { Executor, type Prefix, type RunOptions } from "./execution/executor.js"
// Ask a model.
export {
  type GenerateEvent,
  type GenerateOptions,
  generate,
  generateText,
  type RequestEvent,
} from "./generate/generate.js"
export { type ImageSource, preparePrompt } from "./generate/prepare.js"
export { type AnswerScore, scoreAnswers } from "./generate/score.js"
export { loadSession, openModel, type Session } from "./generate/session.js"
export { decodeImage, type RgbImage } from "./image/decode.js"
// Models and paradigms, and more of them.
export type { Architecture, ImageProcessor } from "./models/architecture.js"
export { type Checkpoint, readCheckpoint } from "./models/checkpoint.js"
export { type LoadedModel, loadModel } from "./models/load.js"
export { architectures, newModel, registerArchitecture } from "./models/registry.js"
export { saveModel } from "./models/save.js"
export { type TextModelConfig, textModel } from "./models/text-model.js"
export type { LanguageModel } from "./models/types.js"
export { type AutoregressiveDecoderOptions, autoregressiveDecoding } from "./paradigms/autoregressive/decoder.js"
export { autoregressiveObjective } from "./paradigms/autoregressive/objective.js"
export { type LossUnit, meanLoss, type Objective, type TrainingBatch, type TrainingSample } from "./paradigms/batch.js"
export { type BlockDecoderOptions, blockDecoding } from "./paradigms/block-diffusion/decoder.js"
export { type BlockDiffusionOptions, blockDiffusionObjective } from "./paradigms/block-diffusion/objective.js"
export { type ConvertOptions, convert } from "./paradigms/convert.js"
export type { DecodeEvent, DecodeStats } from "./paradigms/decode-events.js"
export type { DecodeLoop, Decoding, ForwardRequest, ForwardResult } from "./paradigms/decode-loop.js"
export type { DecodingOptions } from "./paradigms/decoding-options.js"
export type { DecodingReport } from "./paradigms/decoding-report.js"
export { type FullDiffusionDecoderOptions, fullDiffusionDecoding } from "./paradigms/full-diffusion/decoder.js"
export { type FullDiffusionOptions, fullDiffusionObjective } from "./paradigms/full-diffusion/objective.js"
export type { Paradigm } from "./paradigms/paradigm.js"
export type { Prompt } from "./paradigms/prompt.js"
export { paradigmNamed, paradigms, registerParadigm } from "./paradigms/registry.js"
export { asParadigm } from "./paradigms/translate.js"
export { imagePrompt, type Message, type Part } from "./text/conversation.js"
export { Tokenizer } from "./text/tokenizer.js"
export { keepFreedMemory } from "./torch/memory.js"
export { readTrainingRecipe, type TrainingConfig } from "./train/config.js"
export { TrainingData } from "./train/data.js"
export { AdamW, type AdamWOptions, type Parameter } from "./train/optimizer.js"
export { type TrainingEvent, train } from "./train/trainer.js"
