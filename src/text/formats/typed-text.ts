/** Keeps markup that people typed from becoming tokens where a template writes it among its own. */

import type { Tokenizer } from "../tokenizer/tokenizer.js"
import type { TemplateMessage } from "./chat-template.js"

/** Answers with more kinds of markup than a conversation has stay guarded, whatever the template looks for. */
const MOST_ATTEMPTS = 64

type Render = (messages: readonly TemplateMessage[]) => string

/**
 * The messages with `guard`, a character that is in none of them, behind the first character of each markup that was
 * typed. A template may look for markup in answers, as Qwen3's looks for </think>: there what it acts on stays as it is.
 * @param render writes the messages; used to see what the template acts on
 */
export function guardMessages(
  messages: readonly TemplateMessage[],
  tokenizer: Tokenizer,
  guard: string,
  render: Render,
): TemplateMessage[] {
  const guarded = messages.map((message) => mapText(message, (text) => guardText(text, tokenizer, guard)))
  const isGuarded = (i: number): boolean => guarded[i] !== messages[i]
  const answers = messages.flatMap(({ role }, i) => (role === "assistant" && isGuarded(i) ? [i] : []))
  if (answers.length === 0) return guarded
  const clean = (messages: readonly TemplateMessage[]): string => render(messages).replaceAll(guard, "")
  let best = guarded.map((message, i) => (answers.includes(i) ? messages[i] : message))
  const wanted = clean(best)
  if (clean(guarded) === wanted) return guarded
  const attempts = answers.flatMap((i) => marksOf(guarded[i], guard).map((mark) => [i, mark] as const))
  if (attempts.length > MOST_ATTEMPTS) return guarded
  for (const [i, mark] of attempts) {
    const attempt = best.with(
      i,
      mapText(best[i], (text) => guardOnly(text, mark, guard)),
    )
    if (clean(attempt) === wanted) best = attempt
  }
  return best
}

function mapText(message: TemplateMessage, change: (text: string) => string): TemplateMessage {
  const { content } = message
  if (typeof content === "string") {
    const text = change(content)
    return text === content ? message : { ...message, content: text }
  }
  const parts = content.map((part) => (part.type === "text" ? { ...part, text: change(part.text) } : part))
  const same = parts.every((part, i) => part.type !== "text" || part.text === (content[i] as typeof part).text)
  return same ? message : { ...message, content: parts }
}

function guardText(text: string, tokenizer: Tokenizer, guard: string): string {
  let guarded = text
  for (;;) {
    const { raw, normalized } = tokenizer.marksIn(guarded)
    const open = raw
      .map((place) => place + firstLength(guarded, place))
      .filter((place) => !guarded.startsWith(guard, place))
    if (open.length === 0) return normalized ? Array.from(text).join(guard) : guarded
    let out = ""
    let done = 0
    for (const place of open) {
      out += guarded.slice(done, place) + guard
      done = place
    }
    guarded = out + guarded.slice(done)
  }
}

const firstLength = (text: string, index: number): number => String.fromCodePoint(text.codePointAt(index)!).length

/** What was guarded in a message: each markup up to its end, as far as `<…>` and `[…]` tell, once. */
function marksOf({ content }: TemplateMessage, guard: string): string[] {
  const texts = typeof content === "string" ? [content] : content.flatMap((p) => (p.type === "text" ? [p.text] : []))
  const pattern = new RegExp(`.${guard}[^${guard}>\\]]*[>\\]]?`, "gsu")
  return [...new Set(texts.flatMap((text) => text.match(pattern) ?? []).map((mark) => mark.replaceAll(guard, "")))]
}

function guardOnly(text: string, mark: string, guard: string): string {
  const length = firstLength(mark, 0)
  return text.replaceAll(mark, () => mark.slice(0, length) + guard + mark.slice(length))
}
