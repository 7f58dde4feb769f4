/** What the busy benchmark runs: a built-in model and the 135M shape, decoding and training. */

export interface BusyCase {
  title: string
  /** A built-in model or a shape. */
  model: string
  task: "decode" | "train"
  /** Decoding: tokens of the prompt and of the answer. Training: tokens of a sample, and those of them that are the answer. */
  prompt: number
  length: number
  /** Samples of a training step. */
  samples?: number
}

export const BUSY_CASES: readonly BusyCase[] = [
  { title: "emoji, decode", model: "emoji-diffusion", task: "decode", prompt: 64, length: 32 },
  { title: "emoji, train", model: "emoji-diffusion", task: "train", prompt: 256, length: 96, samples: 4 },
  { title: "135M, decode", model: "smollm2-135m", task: "decode", prompt: 64, length: 16 },
  { title: "135M, train", model: "smollm2-135m", task: "train", prompt: 256, length: 96 },
]
