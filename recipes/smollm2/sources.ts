/** The question sets of the data package: where each lies in it, whose it is, and how a record is read. */

export interface Question {
  set: string
  /** choice: the answer is one of `choices`; open: the set's own answer; own: the autoregressive model's own. */
  kind: "choice" | "open" | "own"
  /** Questions of one group (a passage, a goal) are never on both sides of a split. */
  group: string
  question: string
  /** Empty until the model has answered, for `own`. */
  answer: string
  choices?: string[]
}

interface Source {
  file: string
  licence: string
  read(record: Record<string, unknown>): Omit<Question, "set"> | undefined
}

const text = (value: unknown): string => (typeof value === "string" ? value.replace(/\s+/g, " ").trim() : "")
const withoutLetter = (option: string): string => text(option.replace(/^\s*[A-E]\.\s*/, ""))

/** "A. one\nB. two", as the package writes options. */
const optionsOf = (value: unknown): string[] =>
  String(value ?? "")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map(withoutLetter)

function choice({ passage, question, options, answer }: Record<string, unknown>): Omit<Question, "set"> | undefined {
  const choices = optionsOf(options)
  const right = withoutLetter(String(answer ?? ""))
  // Two options of the same words cannot be told apart.
  if (!choices.includes(right) || new Set(choices).size !== choices.length || text(question) === "") return undefined
  const asked = [text(passage), text(question)].filter(Boolean).join(" ")
  const listed = choices.map((option) => `- ${option}`).join("\n")
  return {
    kind: "choice",
    group: text(passage) || text(question),
    question: `${asked}\n${listed}\nWhich one is right?`,
    answer: right,
    choices,
  }
}

function open({ passage, question, answer }: Record<string, unknown>): Omit<Question, "set"> | undefined {
  const right = text(answer)
  if (right === "" || text(passage) === "" || text(passage).length > MOST_CHARACTERS) return undefined
  const asked = `${text(passage)}\n${text(question)}\nAnswer in a few words.`
  return { kind: "open", group: text(passage), question: asked, answer: right }
}

/** Longer passages would take most of the time for few answers. */
const MOST_CHARACTERS = 900

/** A prompt for the model itself. */
const prompt =
  (write: (record: Record<string, unknown>) => string) =>
  (record: Record<string, unknown>): Omit<Question, "set"> | undefined => {
    const question = write(record)
    return question === "" ? undefined : { kind: "own", group: question, question, answer: "" }
  }

const asking =
  (key: string, how: string) =>
  (record: Record<string, unknown>): string => {
    const question = text(record[key]).replace(/[?.\s]+$/, "")
    return question === "" ? "" : `${question[0].toUpperCase()}${question.slice(1)}? ${how}`
  }

/** The first whole sentences of a document. */
function beginning(document: unknown): string {
  let taken = ""
  for (const sentence of text(document).split(/(?<=[.!?]) /)) {
    if (taken.length + sentence.length > 600) break
    taken += `${sentence} `
  }
  return taken.trim()
}

const REFERENCE: Record<string, Source> = {
  "Social IQa": { file: "SIQA/test.jsonl", licence: "CC BY 4.0", read: choice },
  CommonsenseQA: { file: "CommonsenseQA/validation.jsonl", licence: "MIT", read: choice },
  OpenBookQA: { file: "OpenBookQA/test.jsonl", licence: "Apache-2.0", read: choice },
  PIQA: { file: "PIQA/validation.jsonl", licence: "AFL-3.0", read: choice },
  ASDiv: { file: "ASDiv/test.jsonl", licence: "CC BY-NC 4.0", read: open },
  "Disfl-QA": {
    file: "Bigbench/DisflQA/test.jsonl",
    licence: "CC BY 4.0; its passages are SQuAD's, CC BY-SA 4.0",
    read: open,
  },
}

const OWN: Record<string, Source> = {
  "NQ-open": {
    file: "NQ-open/combined.jsonl",
    licence: "CC BY-SA 3.0",
    read: prompt(asking("question", "Answer in one sentence.")),
  },
  TruthfulQA: {
    file: "TruthfulQA/combined.jsonl",
    licence: "Apache-2.0",
    read: prompt(asking("question", "Answer in one sentence.")),
  },
  HealthSearchQA: {
    file: "healthsearchqa/test.jsonl",
    licence: "CC BY 4.0",
    read: prompt(asking("question", "Answer in two sentences.")),
  },
  HellaSwag: {
    file: "HellaSwag/test.jsonl",
    licence: "MIT",
    read: prompt(({ question }) => (text(question) ? `Write one sentence that comes next: ${text(question)}` : "")),
  },
  XSum: {
    file: "XSum/test.jsonl",
    licence: "not stated by its authors for the BBC's articles",
    read: prompt(({ document }) => (beginning(document) ? `Summarize in one sentence: ${beginning(document)}` : "")),
  },
}

export const SOURCES: Readonly<Record<string, Source>> = { ...REFERENCE, ...OWN }
export const REFERENCE_SETS = Object.keys(REFERENCE)
export const OWN_SETS = Object.keys(OWN)
