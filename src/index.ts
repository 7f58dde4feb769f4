/** The public library. Everything here is stable; deeper imports are not. */

export { convert } from "./checkpoint/convert.js"
export { UserError } from "./errors.js"
export { type GenerateEvent, type GenerateOptions, generate, generateText } from "./generate/generate.js"
export { openModel, type Session } from "./generate/session.js"
export { decodeImage, type RgbImage } from "./image/decode.js"
export { decodeAutoregressive } from "./paradigms/autoregressive/decoder.js"
export { autoregressiveObjective } from "./paradigms/autoregressive/objective.js"
export { decodeBlocks } from "./paradigms/block-diffusion/decoder.js"
export { blockDiffusionObjective } from "./paradigms/block-diffusion/objective.js"
export { imagePrompt, type Message, type Part } from "./text/conversation.js"
export { readTrainingRecipe, type TrainingConfig } from "./train/config.js"
export { type TrainingEvent, train } from "./train/trainer.js"
