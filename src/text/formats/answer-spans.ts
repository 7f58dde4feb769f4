/** Where the answers stand in what a chat template writes, found turn by turn. Knows no ids. */

import { UserError } from "../../errors.js"
import type { RenderOptions, TemplateMessage } from "./chat-template.js"
import { takeOut } from "./private-characters.js"
import { SPACE } from "./python-strings.js"

export type Render = (messages: readonly TemplateMessage[], options: RenderOptions) => string

/** Private characters: behind the first character of typed markup; before and behind an answer. */
export interface Marks {
  guard: string
  open: string
  close: string
}

export interface AnswerSpan {
  start: number
  end: number
}

export interface Answers {
  text: string
  /** Places behind the first character of typed markup. */
  guards: number[]
  spans: AnswerSpan[]
}

/** Every answer that the template marks itself. */
export function generationSpans(written: string, { guard, open, close }: Marks): Answers {
  const { text, places } = takeOut(written, [guard, open, close])
  const [guards, starts, ends] = places
  const spans = starts.map((start, i) => ({ start, end: ends[i] })).filter(({ start, end }) => end > start)
  const isPaired = starts.length === ends.length && starts.every((start, i) => start <= ends[i])
  if (!isPaired || spans.length === 0)
    throw new UserError("the model's chat template marks no text of this conversation as generated", {
      fix: "put {% generation %} and {% endgeneration %} around each answer in chat_template.jinja, or take all of them out",
    })
  return { text, guards, spans }
}

/** A conversation as the template writes it, and where the words of its answers begin and end. */
interface Written {
  text: string
  guards: number[]
  opens: number[]
  closes: number[]
}

/**
 * An answer begins where the prompt before it ends, and ends with the special token that follows it; where none does,
 * with all that the template writes behind it.
 * @param special texts of the special tokens
 * @throws UserError when that cannot be told for every answer
 */
export function answerSpans(
  messages: readonly TemplateMessage[],
  marks: Marks,
  render: Render,
  special: readonly string[],
): Answers {
  const { guard, open, close } = marks
  const write = (messages: readonly TemplateMessage[], addGenerationPrompt = false): Written => {
    const { text, places } = takeOut(render(messages, { addGenerationPrompt }), [guard, open, close])
    return { text, guards: places[0], opens: places[1], closes: places[2] }
  }
  const marked = markAnswers(messages, marks, write)
  const whole = write(marked)
  const turns = messages.flatMap(({ role }, i) => (role === "assistant" ? [i] : []))
  const spans: AnswerSpan[] = []
  for (const [turn, i] of turns.entries()) {
    const close = whole.closes[turn]
    const after = write(marked.slice(0, i + 1))
    const before = promptBefore(marked, i, write)
    const start = before === undefined ? undefined : startOf(whole, turn, before, after)
    const end = close + endOf(shared(whole.text.slice(close), after.text.slice(after.closes.at(-1))), special)
    if (start === undefined || start < (spans.at(-1)?.end ?? 0) || start > close)
      throw notSeparable(`it is not clear where answer ${turn + 1} begins`)
    spans.push({ start, end })
  }
  return { text: whole.text, guards: whole.guards, spans }
}

/** The messages with marks around the words of the answers; the first one may be in the way of what a template does. */
function markAnswers(
  messages: readonly TemplateMessage[],
  { open, close }: Marks,
  write: (messages: readonly TemplateMessage[]) => Written,
): TemplateMessage[] {
  const plain = write(messages).text
  const answers = messages.filter(({ role }) => role === "assistant").length
  for (const [first, keepsSpace] of [open, ""].flatMap((first) => [[first, true] as const, [first, false] as const])) {
    const marked = messages.map((message) =>
      message.role === "assistant" ? enclose(message, first, close, keepsSpace) : message,
    )
    const { text, opens, closes } = write(marked)
    if (text === plain && closes.length === answers && (first === "" || opens.length === answers)) return marked
  }
  throw notSeparable("it changes the answers, or leaves some out")
}

const WORDS = new RegExp(`^(${SPACE}*)(.*?)(${SPACE}*)$`, "s")

/** @param keepsSpace whether an answer of white space alone keeps it: the template may take it away */
function enclose(message: TemplateMessage, open: string, close: string, keepsSpace: boolean): TemplateMessage {
  const { content } = message
  if (typeof content !== "string") throw notSeparable("an answer holds images")
  const [, before, words, after] = WORDS.exec(content)!
  if (words === "" && !keepsSpace) return { ...message, content: open + close }
  return { ...message, content: before + open + words + close + after }
}

/** The prompt that an answer follows, with and without the header of the answer; undefined where there is none. */
function promptBefore(
  messages: readonly TemplateMessage[],
  i: number,
  write: (messages: readonly TemplateMessage[], addGenerationPrompt?: boolean) => Written,
): { prompt: string; header: string } | undefined {
  try {
    const { text: prompt } = write(messages.slice(0, i), true)
    const { text: bare } = write(messages.slice(0, i), false)
    return { prompt, header: prompt.startsWith(bare) ? prompt.slice(bare.length) : "" }
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}

function startOf(
  whole: Written,
  turn: number,
  { prompt, header }: { prompt: string; header: string },
  after: Written,
): number | undefined {
  if (whole.text.startsWith(prompt)) return prompt.length
  // Earlier turns are written differently at the end of a conversation and inside it.
  const opening = whole.opens[turn]
  if (opening !== undefined && after.text.startsWith(prompt)) {
    const lead = after.text.slice(prompt.length, after.opens.at(-1))
    if (whole.text.slice(0, opening).endsWith(lead) && !lead.includes(header || "\0")) return opening - lead.length
  }
  if (header === "") return undefined
  const from = whole.closes[turn - 1] ?? 0
  const start = whole.text.indexOf(header, from)
  const isOnly = start >= 0 && whole.text.lastIndexOf(header, whole.closes[turn] - header.length) === start
  return isOnly ? start + header.length : undefined
}

/** Length of the mark that ends an answer. */
function endOf(behind: string, special: readonly string[]): number {
  const ends = special.flatMap((mark) => {
    const place = behind.indexOf(mark)
    return place < 0 ? [] : [{ place, end: place + mark.length }]
  })
  const first = ends.sort((a, b) => a.place - b.place || b.end - a.end)[0]
  return first?.end ?? behind.length
}

function shared(a: string, b: string): string {
  let same = 0
  while (same < a.length && a[same] === b[same]) same++
  return a.slice(0, same)
}

function notSeparable(why: string): UserError {
  return new UserError(`the turns of the model's chat template cannot be told apart: ${why}`, {
    fix: "put {% generation %} and {% endgeneration %} around the answers in chat_template.jinja",
  })
}
