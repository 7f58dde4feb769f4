/** Which emojis become concepts of the demo. Knows names only, no drawings. */

import { UserError } from "../../../src/errors.js"
import { randomStream } from "./random.js"
import type { Emoji, Group } from "./sources.js"

/** The groups whose members are things to point at; the others are faces, gestures, signs and flags. */
export const THINGS: readonly Group[] = ["animals-nature", "food-drink", "travel-places", "activities", "objects"]

/** Of an emoji's name, in words. */
const MAXIMUM_WORDS = 3

const CLOCK_TIME = /(o'clock|-thirty)$/
const SIDED_NAME = /\b(left|right|leftwards|rightwards|clockwise|counterclockwise|waxing|waning|quarter|crescent)\b/
const SIDED_CATEGORIES = new Set([
  "arrows",
  "transport signs",
  "math symbols",
  "punctuation",
  "currencies",
  "keypad characters",
  "alphanumeric symbols",
  "other flags",
  "country flags",
  "subdivision flags",
])

/** Emojis of these groups with a short name, each name once. Clock times differ by two thin strokes: left out. */
export function usableConcepts(emojis: readonly Emoji[], groups: readonly Group[] = THINGS): Emoji[] {
  const seen = new Set<string>()
  return emojis.filter((emoji) => {
    if (!groups.includes(emoji.group) || seen.has(emoji.name)) return false
    if (emoji.name.split(" ").length > MAXIMUM_WORDS || CLOCK_TIME.test(emoji.name)) return false
    seen.add(emoji.name)
    return true
  })
}

/** False where a mirrored drawing would deserve another name. */
export function survivesMirror(emoji: Emoji): boolean {
  return !SIDED_NAME.test(emoji.name) && !SIDED_CATEGORIES.has(emoji.category)
}

/**
 * Chooses concepts at random, the same ones for a seed. No chosen name contains another ("dog", "dog face"), so that
 * finding a name inside a description means something. `accept` may turn a concept down, because of its drawings.
 * @throws UserError when fewer are left than asked for
 */
export async function chooseConcepts<T>(
  usable: readonly Emoji[],
  count: number | "all",
  seed: number,
  accept: (emoji: Emoji) => Promise<T | undefined>,
): Promise<T[]> {
  const order = count === "all" ? usable : randomStream(seed, "concepts").shuffle(usable)
  const chosen: T[] = []
  const names: string[] = []
  for (const emoji of order) {
    if (chosen.length === count) break
    if (count !== "all" && names.some((name) => containsWords(name, emoji.name) || containsWords(emoji.name, name)))
      continue
    const accepted = await accept(emoji)
    if (accepted === undefined) continue
    chosen.push(accepted)
    names.push(emoji.name)
  }
  if (count !== "all" && chosen.length < count) {
    throw new UserError(`only ${chosen.length} emoji concepts are usable, ${count} were asked for`, {
      where: "concepts",
      fix: `Ask for at most ${chosen.length}, for more groups, or for "all".`,
    })
  }
  return chosen
}

/** Whether `text` contains `words` as whole words. */
function containsWords(text: string, words: string): boolean {
  return ` ${text} `.includes(` ${words} `)
}
