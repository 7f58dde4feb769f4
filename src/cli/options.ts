/** Options of commands: parsers for values, so that a wrong one is a usage error that names the option, and what is typed. */

import { type Command, InvalidArgumentError } from "commander"
import { urlProblem } from "../url.js"

/** `--steps 8`: a whole number from `minimum` to `maximum`. */
export function wholeNumber(minimum = 0, maximum = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text)
    const inDigits = /^-?\d+$/.test(text.trim())
    const fits = value >= minimum && value <= maximum
    if (inDigits && fits) return value
    const most = maximum < Number.MAX_SAFE_INTEGER || value > maximum ? ` and at most ${maximum}` : ""
    const must = `It must be a whole number of at least ${minimum}${most}`
    if (inDigits) throw new InvalidArgumentError(`${must}.`)
    const written = text.trim() !== "" && fits && Number.isInteger(value) ? `: ${value}` : ""
    throw new InvalidArgumentError(`${must}, written in digits${written}.`)
  }
}

/** `--temperature 0.7`: a number between `minimum` and `maximum`. */
export function numberBetween(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === "" || !(value >= minimum && value <= maximum)) {
      throw new InvalidArgumentError(
        maximum === Infinity
          ? `It must be a number of at least ${minimum}.`
          : `It must be a number between ${minimum} and ${maximum}.`,
      )
    }
    return value
  }
}

/** `--temperature 0.7`: 0, or what logits can be divided by without becoming infinite or all the same. */
export function temperature(text: string): number {
  const value = Number(text)
  if (text.trim() === "" || !(value === 0 || (value >= 1e-10 && value <= 1e6)))
    throw new InvalidArgumentError("It must be 0, or a number between 1e-10 and 1e6.")
  return value
}

/** `--model model.gguf`: the path of a file or folder, which need not be there. */
export function pathOf(noun: string): (text: string) => string {
  return (text) => {
    if (text.trim() === "") throw new InvalidArgumentError(`It must be the path of a ${noun}, not empty.`)
    const url = urlProblem(text, noun)
    if (url) throw new InvalidArgumentError(`${sentence(url.what)} ${sentence(url.fix)}`)
    return text
  }
}

/** `--out runs/a`: the path of a folder. */
export const folderPath = pathOf("folder")

const sentence = (words: string): string => `${words[0].toUpperCase()}${words.slice(1)}.`

/** `--image a.png --image b.png`: an option that may be given several times. */
export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value]
}

/** What is typed to start the program that a command belongs to. */
export function programOf(command: Command): string {
  return command.parent ? programOf(command.parent) : command.name()
}

/** `--limit 100` or `--limit 0.1`. */
export function documentLimit(text: string): number {
  const value = Number(text)
  if (text.trim() !== "" && value > 0 && (value < 1 || Number.isSafeInteger(value))) return value
  throw new InvalidArgumentError("It must be a whole number of documents, or a part of them below 1, such as 0.1.")
}

/** Names with commas between them. */
export const nameList = (text: string): string[] => {
  const names = text.split(",").map((name) => name.trim())
  if (names.every((name) => name !== "")) return names
  throw new InvalidArgumentError("It must be names with commas between them.")
}
