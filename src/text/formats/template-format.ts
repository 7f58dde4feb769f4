/** Conversations → ids in the words of a model's own chat template. */

import { UserError } from "../../errors.js"
import { IGNORE, IMAGE, type Message, partsOf } from "../message.js"
import type { Tokenizer } from "../tokenizer/tokenizer.js"
import type { Encoded, EncodeOptions } from "../writer.js"
import { type AnswerSpan, answerSpans, generationSpans, type Render } from "./answer-spans.js"
import { ChatTemplate, type TemplateMessage } from "./chat-template.js"
import { privateCharacters, takeOut } from "./private-characters.js"
import { guardMessages } from "./typed-text.js"

export interface TemplateOptions {
  /** Let markup written inside messages be tokens: for text that is trusted. @default false */
  special?: boolean
  /** Names that the template may look at, such as enable_thinking or date_string. Markup in them is tokens. */
  variables?: Record<string, unknown>
}

export interface TemplatePromptOptions extends TemplateOptions {
  /** End with the header of the answer to come. @default true */
  addGenerationPrompt?: boolean
}

export interface TrainingTurns extends Encoded {
  /** 1 where a token belongs to an answer (or to what marks its end), as the labels have it; 0 elsewhere. */
  answer: Uint8Array
  /** First token of each answer and the one behind its last. */
  answers: AnswerSpan[]
}

export class TemplateFormat {
  /**
   * @param image the template's token that stands for an image, where it has one: each becomes IMAGE
   */
  constructor(
    readonly template: ChatTemplate,
    readonly tokenizer: Tokenizer,
    readonly image?: string,
  ) {}

  /**
   * The chat format of a model folder; undefined where it has no chat template.
   * @throws UserError for a template that cannot be parsed
   */
  static load(folder: string, tokenizer: Tokenizer, image?: string): TemplateFormat | undefined {
    const template = ChatTemplate.load(folder)
    return template && new TemplateFormat(template, tokenizer, image)
  }

  /**
   * Token ids as transformers' apply_chat_template(tokenize=True) gives them, but that markup typed inside a message
   * stays characters. One IMAGE per image.
   * @throws UserError when the template refuses the messages
   */
  prompt(messages: readonly Message[], options: TemplatePromptOptions = {}): Int32Array {
    const { guard, guarded, render } = this.#prepare(messages, options)
    const { addGenerationPrompt = true } = options
    const { text, places } = takeOut(render(guarded, { addGenerationPrompt }), [guard])
    const { ids } = this.tokenizer.encodeAround(text, places[0], [])
    return Int32Array.from(this.#withImages(ids, messages))
  }

  /**
   * A training sample: the whole conversation, and which of its tokens the model writes itself. Those are what the
   * template marks with {% generation %}, or else each answer with the mark that ends it, found turn by turn.
   * @param options.learn given by paradigms that mask what they learn: the sample then ends with its last answer. What
   *   the template writes behind it is never masked, and would tell where the answer ends.
   * @throws UserError when there is no answer, or the template's turns cannot be told apart
   */
  training(
    messages: readonly Message[],
    { learn, ...options }: TemplateOptions & Pick<EncodeOptions, "learn"> = {},
  ): TrainingTurns {
    if (!messages.some(({ role }) => role === "assistant"))
      throw new UserError("the conversation has no answer to learn")
    const { guard, open, close, guarded, render } = this.#prepare(messages, options)
    const found = this.template.marksAnswers
      ? generationSpans(render(guarded, { addGenerationPrompt: false, generation: { start: open, end: close } }), {
          guard,
          open,
          close,
        })
      : answerSpans(guarded, { guard, open, close }, render, [...this.tokenizer.specialTokens.keys()])
    const cuts = found.spans.flatMap(({ start, end }) => [start, end])
    const { ids, cuts: places } = this.tokenizer.encodeAround(found.text, found.guards, cuts)
    const answers = found.spans.map((_, i): AnswerSpan => {
      const start = places[2 * i]
      // What the template marks is meant as transformers means it: with the token that the mark cuts in two.
      return { start: this.template.marksAnswers ? start.ended : start.begun, end: places[2 * i + 1].begun }
    })
    const whole = this.#withImages(ids, messages)
    const all = learn === undefined ? whole : whole.slice(0, answers[answers.length - 1].end)
    const answer = new Uint8Array(all.length)
    for (const { start, end } of answers) answer.fill(1, start, end)
    const labels = Int32Array.from(all, (id, i) => (answer[i] === 1 && id !== IMAGE ? id : IGNORE))
    return { ids: Int32Array.from(all), labels, answer, answers, answerStart: answers[0].start }
  }

  /** The special token that the template writes behind an answer; undefined where it writes none. */
  get end(): number | undefined {
    const { ids, answers } = this.training([
      { role: "user", content: "a" },
      { role: "assistant", content: "a" },
    ])
    const last = ids[answers[0].end - 1]
    return [...this.tokenizer.specialTokens.values()].includes(last) ? last : undefined
  }

  #prepare(messages: readonly Message[], { special = false, variables }: TemplateOptions) {
    const written = messages.map((message) => this.#message(message))
    const texts = messages.flatMap(({ content }) =>
      partsOf(content).map((part) => (part.type === "text" ? part.text : "")),
    )
    const render: Render = (messages, options) => this.template.render(messages, { ...options, variables })
    const [guard, open, close] = privateCharacters(3, [
      ...texts,
      this.template.source,
      ...Object.values(variables ?? {}).map(String),
    ])
    if (guard === undefined || open === undefined || close === undefined)
      throw new UserError("the conversation uses all characters of Unicode's private areas")
    const plain = (messages: readonly TemplateMessage[]): string => render(messages, { addGenerationPrompt: false })
    const guarded = special ? written : guardMessages(written, this.tokenizer, guard, plain)
    return { guard, open, close, guarded, render }
  }

  /** Text alone is given as text, as templates of language models want it. */
  #message({ role, content }: Message): TemplateMessage {
    if (typeof content === "string") return { role, content }
    const hasImages = content.some(({ type }) => type === "image")
    if (!hasImages) return { role, content: content.map((part) => (part.type === "text" ? part.text : "")).join("") }
    if (this.image !== undefined) return { role, content }
    throw new UserError("the model's chat template has no place for images", {
      fix: "use a vision-language model, or leave the images out",
    })
  }

  #withImages(ids: readonly number[], messages: readonly Message[]): number[] {
    const images = messages.flatMap(({ content }) => partsOf(content)).filter(({ type }) => type === "image").length
    if (this.image === undefined) return [...ids]
    const slot = this.tokenizer.require(this.image)
    const slots = ids.filter((id) => id === slot).length
    if (slots === images) return ids.map((id) => (id === slot ? IMAGE : id))
    throw new UserError(`the chat template writes ${slots} of its image token ${this.image} for ${images} images`, {
      fix: "write no image token into the text, and use a template that has one for each image",
    })
  }
}
