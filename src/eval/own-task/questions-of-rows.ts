/** Documents whose rows ask several questions, each question a document: conversations in LLaVA's format. */

import { UserError } from "../../errors.js"
import type { Documents, RowRange, Wanted } from "../documents/documents.js"
import type { Doc } from "../task/task.js"
import { ASKED_TURN, answersIn, messagesOf, textOf } from "./llava.js"

/**
 * Every answer of a row is asked for. Where each row has one, the documents stay as they are.
 * @throws UserError naming the row with an answer that is empty, or stands behind no question
 */
export async function questionsOfRows(documents: Documents): Promise<Documents> {
  const columns = documents.columns.filter((column) => ["conversations", "messages", "answer"].includes(column))
  const [rows, turns]: [number[], number[]] = [[], []]
  for await (const { index, doc } of documents.rows({ columns })) {
    for (const turn of answersOf(doc, documents.where(index))) {
      rows.push(index)
      turns.push(turn)
    }
  }
  const isOneEach = rows.length === documents.count && rows.every((row, i) => row === i)
  return isOneEach ? documents : new QuestionsOfRows(documents, rows, turns)
}

/** What is no conversation is a document too, which then cannot be asked. */
function answersOf(doc: Doc, where: string): number[] {
  let messages: ReturnType<typeof messagesOf>
  try {
    messages = messagesOf(doc)
  } catch (error) {
    if (error instanceof UserError) return [0]
    throw error
  }
  const answers = answersIn(messages)
  for (const turn of answers) {
    if (messages[turn - 1]?.role !== "user")
      throw new UserError("an answer stands behind no question", { where, fix: "let user and assistant take turns" })
    if ((doc.answer ?? null) === null && textOf(messages[turn].content) === "")
      throw new UserError("an expected answer is empty", { where, fix: "write it, or remove the record" })
  }
  return answers.length > 0 ? answers : [0]
}

/** Without the column that is not the rows' own. */
const ofRows = ({ columns, ...wanted }: Wanted): Wanted => ({
  ...wanted,
  ...(columns && { columns: columns.filter((column) => column !== ASKED_TURN) }),
})

class QuestionsOfRows implements Documents {
  readonly count: number
  readonly columns: readonly string[]

  /** @param rows ascending: the row of each question */
  constructor(
    readonly inner: Documents,
    readonly rowOf: readonly number[],
    readonly turnOf: readonly number[],
  ) {
    this.count = rowOf.length
    this.columns = [...inner.columns, ASKED_TURN]
  }

  get fingerprint(): string {
    return this.inner.fingerprint
  }

  get contained(): boolean | undefined {
    return this.inner.contained
  }

  async *rows({ from = 0, to: end = this.count, ...wanted }: RowRange = {}): AsyncGenerator<{
    index: number
    doc: Doc
  }> {
    const to = Math.min(end, this.count)
    if (from >= to) return
    const range = { from: this.rowOf[from], to: this.rowOf[to - 1] + 1 }
    let index = from
    for await (const { index: row, doc } of this.inner.rows({ ...ofRows(wanted), ...range }))
      for (; index < to && this.rowOf[index] === row; index++) yield { index, doc: this.#asking(doc, index) }
  }

  async read(index: number, wanted: Wanted = {}): Promise<Doc> {
    return this.#asking(await this.inner.read(this.rowOf[index], ofRows(wanted)), index)
  }

  where(index: number): string {
    return this.inner.where(this.rowOf[index])
  }

  close(): void {
    this.inner.close()
  }

  #asking(doc: Doc, index: number): Doc {
    return { ...doc, [ASKED_TURN]: this.turnOf[index] }
  }
}
