/** What a task file asks about a document, what is right, and what an answer counts. */

import { createHash } from "node:crypto"
import { UserError } from "../../errors.js"
import { shown } from "../../readable.js"
import type { Message } from "../../text/message.js"
import { isStoredPicture, type StoredPicture } from "../documents/pictures.js"
import type { Answered, Asked, Counted, Doc, DocPicture, TaskMetric } from "../task/task.js"
import { picturesOf } from "../tasks/parts/document.js"
import { letter } from "../tasks/parts/options.js"
import { chosenByLikelihood } from "../tasks/text/by-likelihood.js"
import { ALIKE, type AlikeName, isSame, mostAlike } from "../text-match.js"
import { type Extract, patternOf } from "./extract.js"
import { JudgedMetric, type JudgedValue } from "./judged-metric.js"
import { ASKED_TURN, LLAVA_COLUMNS, llavaQuestion, picturesIn, reworded } from "./llava.js"
import { type PartValue, partMetric } from "./part-metric.js"
import { LIKELIHOOD, type TaskFileContent } from "./schema.js"
import { filled, onlySlot, plain, slotsOf, valueIn } from "./template.js"

/** Slots that are no columns. */
const MADE = ["choices"]

const isAlike = (score: string): score is AlikeName => Object.hasOwn(ALIKE, score)

export class OwnQuestions {
  /** Columns that are read. */
  readonly columns: readonly string[]
  readonly metrics: readonly TaskMetric[]
  /** Scores that are known of an answer alone, and those that all answers are judged by together. */
  readonly #alike: readonly AlikeName[]
  readonly #judged: readonly JudgedMetric[]
  readonly #partPatterns: readonly { name: string; pattern: RegExp }[]

  /** @throws UserError for a pattern that is none */
  constructor(
    private readonly content: TaskFileContent,
    private readonly extract: Extract,
    where: string,
  ) {
    const { format, pictures, prompt, choices, target, score, parts, group } = content
    const listed = typeof choices === "string" ? [choices] : (choices ?? []).flatMap(slotsOf)
    const made = [...(choices === undefined ? [] : MADE), ...(format === "llava" ? LLAVA_COLUMNS : [])]
    const read = [
      ...slotsOf(prompt),
      ...slotsOf(target),
      ...listed,
      ...[pictures ?? []].flat(),
      typeof parts === "string" ? parts : [],
      group ?? [],
    ]
    this.columns = [...new Set([...read.flat()])].filter((column) => !made.includes(column))
    this.#alike = score.filter(isAlike)
    const metrics = score.map((name) => {
      if (name === LIKELIHOOD) return [partMetric("acc"), partMetric("acc_norm")]
      return isAlike(name) ? partMetric(name, ALIKE[name].title) : new JudgedMetric(name)
    })
    this.metrics = metrics.flat()
    this.#judged = this.metrics.filter((metric) => metric instanceof JudgedMetric)
    this.#partPatterns = Object.entries(typeof parts === "object" ? parts : {}).map(([name, regex]) => ({
      name,
      pattern: patternOf(regex, { key: `parts.${name}`, where, flags: "iu" }),
    }))
  }

  /** The columns of a document, with those that its format makes. */
  view(doc: Doc): Doc {
    return this.content.format === "llava" ? llavaQuestion(doc).columns : doc
  }

  ask(doc: Doc): Asked {
    const { prompt, choice_format, plain: isPlain } = this.content
    const view = this.view(doc)
    const choices = this.#choices(view)
    const lines = choices.map((choice, i) => filled(choice_format, { letter: letter(i), choice }))
    const context = filled(prompt, choices.length === 0 ? view : { ...view, choices: lines })
    const conversation = this.#conversation(doc, context)
    const pictures = (): DocPicture[] => conversation?.pictures() ?? this.#pictures(doc)
    return {
      context,
      get pictures() {
        return pictures()
      },
      ...(conversation && { messages: conversation.messages }),
      ...(this.byLikelihood && { choices: choices.map((choice) => (/\s$/.test(context) ? choice : ` ${choice}`)) }),
      ...(isPlain && { plain: true }),
    }
  }

  /** As it is recorded: one text, or a list of them. */
  target(doc: Doc): string | string[] {
    const references = this.references(doc)
    return references.length === 1 ? references[0] : references
  }

  /** Which choice is right, of those that are scored by likelihood. */
  right(doc: Doc): number {
    return this.#right(this.view(doc))
  }

  /** What is right; any of them. */
  references(doc: Doc): string[] {
    const { answer, target, target_is } = this.content
    const view = this.view(doc)
    if (answer === "letter") return [letter(this.#right(view))]
    if (target_is !== "text") return [this.#choices(view)[this.#right(view)]]
    const column = onlySlot(target)
    const value = column === undefined ? filled(target, view) : valueIn(view, column)
    const references = Array.isArray(value)
      ? value.map((item) => plain(item, column ?? "target"))
      : [filled(target, view)]
    if (references.length > 0) return references
    throw new UserError("the list of right answers is empty", { where: column })
  }

  /** What documents that are drawn together have in common, a text or pictures; undefined of one that stands alone. */
  group(doc: Doc, column: string): string | undefined {
    const value = valueIn(this.view(doc), column)
    const pictures = [value].flat()
    if (value === null || pictures.length === 0) return undefined
    return pictures.map((one) => (isStoredPicture(one) ? nameOf(one) : plain(one, column))).join("\n")
  }

  count(doc: Doc, answered: Answered): Counted {
    const view = this.view(doc)
    const choices = this.#choices(view)
    const scores: Record<string, number> = this.byLikelihood
      ? chosenByLikelihood(answered, choices, this.#right(view))
      : {}
    const text = this.extract(answered.text, choices)
    const references = this.references(doc)
    for (const name of this.#alike) scores[name] = text === undefined ? 0 : mostAlike(name, text, references)
    const part = this.#part(view, references)
    const value = (score: number): number | PartValue => (part === undefined ? score : { score, part })
    const judged: JudgedValue = { pred: text ?? "", answer: references, ...(part !== undefined && { part }) }
    return {
      values: {
        ...Object.fromEntries(Object.entries(scores).map(([name, score]) => [name, value(score)])),
        ...Object.fromEntries(this.#judged.map(({ name }) => [name, judged])),
      },
      unread: text === undefined && !this.byLikelihood,
    }
  }

  get byLikelihood(): boolean {
    return this.content.score.includes(LIKELIHOOD)
  }

  /** Which part of the documents it is of; undefined where there are none, or it is of none of them. */
  #part(view: Doc, references: readonly string[]): string | undefined {
    const { parts } = this.content
    if (typeof parts === "string") return plain(valueIn(view, parts), parts)
    return this.#partPatterns.find(({ pattern }) => pattern.test(references[0]))?.name
  }

  /** Of a record in which more is said than one question with at most one picture: all of it, as it is trained on. */
  #conversation(doc: Doc, context: string): { messages: Message[]; pictures(): DocPicture[] } | undefined {
    const { format, prompt, plain: isPlain } = this.content
    if (format !== "llava" || isPlain) return undefined
    const { before: all, question } = llavaQuestion(doc)
    const isSystemAsked = slotsOf(prompt).includes("system")
    const before = isSystemAsked ? all.filter(({ role }) => role !== "system") : all
    const places = picturesIn([...before, question])
    // Of a record with several answers, pictures may be those of later questions.
    if (before.length === 0 && places <= 1 && !(ASKED_TURN in doc)) return undefined
    const isAsItStands = onlySlot(prompt) === "question"
    const messages = [...before, isAsItStands ? question : reworded(question, context)]
    return {
      messages,
      pictures: () => {
        const pictures = this.#pictures(doc)
        if (pictures.length < places)
          throw new UserError(`the text has places for ${places} pictures, and there are ${pictures.length}`, {
            fix: "write one <image> for each picture",
          })
        return places > 0 ? pictures.slice(0, places) : pictures
      },
    }
  }

  #choices(view: Doc): string[] {
    const { choices } = this.content
    if (choices === undefined) return []
    if (Array.isArray(choices)) return choices.map((choice) => filled(choice, view))
    const value = valueIn(view, choices)
    // Documents of other kinds may have none.
    if (value === null) return []
    if (!Array.isArray(value)) throw new UserError("a list of choices was expected", { where: choices })
    return value.map((item) => plain(item, choices))
  }

  /** Which choice is right. */
  #right(view: Doc): number {
    const { target, target_is } = this.content
    const choices = this.#choices(view)
    const text = filled(target, view).trim()
    const found =
      target_is === "letter"
        ? choices.findIndex((_, i) => letter(i) === text.toUpperCase())
        : target_is === "index"
          ? choices.findIndex((_, i) => String(i) === text)
          : choices.findIndex((choice) => isSame(choice, text))
    if (found >= 0) return found
    throw new UserError(`the right answer ${shown(text)} is none of the ${choices.length} choices`, {
      where: "target",
      fix: "target_is says whether it is a text, a letter or an index from 0",
    })
  }

  #pictures(doc: Doc): DocPicture[] {
    const hasPictures = (value: unknown): boolean =>
      isStoredPicture(value) || (Array.isArray(value) && value.some(hasPictures))
    const columns = this.content.pictures ?? Object.keys(doc).filter((column) => hasPictures(doc[column]))
    return [columns].flat().flatMap((column) => (valueIn(doc, column) === null ? [] : picturesOf(doc, column)))
  }
}

/** Of pictures within the data their bytes: the names there are nobody's. */
const nameOf = ({ bytes }: StoredPicture): string => createHash("sha256").update(bytes).digest("base64url").slice(0, 22)
