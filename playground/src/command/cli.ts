/** The last question of a request as a command of this program, which needs no server. */

import { shellWord } from "../../../src/cli/shell.js"
import type { ChatRequest } from "../protocol/contract.js"
import type { Picture } from "../protocol/request.js"

/** @param pictures of the last question */
export function cliCommand(request: ChatRequest, pictures: readonly Pick<Picture, "name">[]): string {
  const { model, messages, diffusion } = request
  const system = messages.find(({ role }) => role === "system")?.content
  const options: [name: string, value: unknown][] = [
    ["model", model],
    ["system", system],
    ...pictures.map(({ name }): [string, unknown] => ["image", name]),
    ["mode", diffusion.mode],
    ["block-size", diffusion.block_size],
    ["steps", diffusion.steps],
    ["threshold", diffusion.threshold],
    ["remasking", diffusion.remasking],
    ["max-tokens", request.max_tokens],
    ["temperature", request.temperature],
    ["seed", request.seed],
  ]
  const given = options.filter(([, value]) => value !== undefined)
  const words = given.flatMap(([name, value]) => [`--${name}`, shellWord(String(value))])
  // A question that begins with a dash is no option.
  const question = questionOf(request)
  return ["npx diffusionvl generate", ...words, ...(question.startsWith("-") ? ["--"] : []), shellWord(question)].join(
    " ",
  )
}

function questionOf({ messages }: ChatRequest): string {
  const content = messages.at(-1)?.content ?? ""
  if (typeof content === "string") return content
  return content.map((part) => (part.type === "text" ? part.text : "")).join("")
}
