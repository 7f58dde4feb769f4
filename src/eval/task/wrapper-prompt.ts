/** From what a task asks to the prompt, as the authors' wrappers write it (docs/evaluation.md 3.2). */

import { UserError } from "../../errors.js"

/** What stands for a picture in a prompt. MMMU's "<image 1>" does not: it stays text. */
const PLACEHOLDER = "<image>"

/** The context with one placeholder for each picture in front, unless it has its own. */
export function withPlaceholders(context: string, pictures: number): string {
  if (pictures === 0 || context.includes(PLACEHOLDER)) return context
  return `${Array.from({ length: pictures }, () => PLACEHOLDER).join(" ")}\n${context}`
}

/** A piece of a prompt: text, or the picture with this number. */
export type PromptPiece = string | { picture: number }

/**
 * Text and pictures in the order the model reads them: pictures meet placeholders in order, pictures too many are left out,
 * and for one placeholder too many the last picture is read again.
 * @throws UserError for more placeholders than that
 */
export function promptPieces(context: string, pictures: number): PromptPiece[] {
  const text = withPlaceholders(context, pictures)
  // Without a picture, what looks like a placeholder is text.
  if (pictures === 0) return text === "" ? [] : [text]
  const texts = text.split(PLACEHOLDER)
  const places = texts.length - 1
  if (places > pictures + 1)
    throw new UserError(`the question has places for ${places} pictures, and there are ${pictures}`, {
      fix: "the document lacks pictures: look at its columns",
    })
  return texts.flatMap((piece, i): PromptPiece[] => [
    ...(i > 0 ? [{ picture: Math.min(i, pictures) - 1 }] : []),
    ...(piece === "" ? [] : [piece]),
  ])
}

/** The whole prompt of the template qwen_2_5. */
export function qwenPrompt(context: string, pictures: number): string {
  return [
    "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n",
    `<|im_start|>user\n${withPlaceholders(context, pictures)}<|im_end|>\n`,
    "<|im_start|>assistant\n",
  ].join("")
}
