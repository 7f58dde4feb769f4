/** The texts of the demo: what is asked about a picture and what the right answer is. Knows no pictures. */

import type { Emoji } from "./sources.js"

export type EmojiTask = "name" | "choose" | "describe"

/** The first question of each list is the one evaluations ask. Short: a small model pays for every token. */
export const NAME_QUESTIONS = ["What is this?", "Name it.", "What do you see?"] as const
export const DESCRIBE_QUESTIONS = ["Describe it.", "Tell me about it."] as const

/**
 * The options as names, without blanks around them: an option then has the very tokens its answer has, and no letters
 * that stand for options, which small models do not learn to follow.
 */
export function chooseQuestion(options: readonly string[]): string {
  return `${options.join("/")}?`
}

/**
 * Two sentences from the emoji's name, group, category and first tag that says something new, always the same for an
 * emoji. The name comes after a colon, where none needs an article.
 */
export function describeAnswer(emoji: Emoji): string {
  const known = new Set(words(`${emoji.name} ${emoji.groupName} ${emoji.category}`))
  const idea = emoji.tags.find((tag) => !words(tag).some((word) => known.has(word)))
  const goesWith = idea ? `, and goes with ${idea}` : ""
  return `The picture shows this: ${emoji.name}. It belongs to ${emoji.groupName}, under ${emoji.category}${goesWith}.`
}

/** Words of a text, with a plural's s taken off, for telling whether a tag says something new. */
function words(text: string): string[] {
  return (text.match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => word.replace(/s$/, ""))
}
