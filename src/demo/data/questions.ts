/** The texts of the demo: what is asked about a picture and what the right answer is. Knows no pictures. */

import type { Emoji } from "./sources.js"

export type EmojiTask = "name" | "choose" | "describe"
export const TASKS: readonly EmojiTask[] = ["name", "choose", "describe"]

/** The first question of each list is the one evaluations ask. Short: a small model pays for every token. */
export const NAME_QUESTIONS = ["What is this?", "Name it.", "What do you see?"] as const
export const DESCRIBE_QUESTIONS = ["Describe it.", "Tell me about it."] as const

/** How many tags a description mentions. */
const DESCRIBED_TAGS = 2

/**
 * The options as names, without blanks around them: an option then has the very tokens its answer has, and no letters
 * that stand for options, which small models do not learn to follow.
 */
export function chooseQuestion(options: readonly string[]): string {
  return `${options.join("/")}?`
}

/**
 * Two clauses from the emoji's name, group, category and tags, always the same for an emoji. The wording depends on
 * the group, which can be seen. Names come after a colon, where none of them needs an article.
 */
export function describeAnswer(emoji: Emoji): string {
  const known = new Set(words(`${emoji.name} ${emoji.groupName} ${emoji.category}`))
  const tags = emoji.tags.filter((tag) => !words(tag).some((word) => known.has(word))).slice(0, DESCRIBED_TAGS)
  const ideas = tags.join(" and ")
  switch (emoji.group) {
    case "animals-nature":
    case "travel-places":
      return `Shown here: ${emoji.name}. It belongs to ${emoji.groupName}, under ${emoji.category}${ideas && `, and goes with ${ideas}`}.`
    default:
      return `In the picture: ${emoji.name}. It is filed under ${emoji.category} in ${emoji.groupName}${ideas && `, and brings to mind ${ideas}`}.`
  }
}

/** Words of a text, with a plural's s taken off, for telling whether a tag says something new. */
function words(text: string): string[] {
  return (text.match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => word.replace(/s$/, ""))
}
