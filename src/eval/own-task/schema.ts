/** What a task file says, checked key by key. */

import { z } from "zod"
import { shown } from "../../readable.js"
import { isMetric, metricName, metricNames } from "../metrics.js"

/** Scored by the model, not by the words of its answer. */
export const LIKELIHOOD = "likelihood"

const extraction = z.union([
  z.enum(["whole", "first line", "letter", "number", "yes or no"]),
  z.strictObject({
    regex: z.string().min(1),
    /** Which of the places that match. */
    which: z.enum(["first", "last"]).default("first"),
  }),
])

const dataset = z.strictObject({
  dataset: z.string(),
  split: z.string(),
  config: z.string().optional(),
  /** Folder or beginning of the files' names. */
  files: z.string().optional(),
})

const generation = z
  .strictObject({
    max_new_tokens: z.int().positive().optional(),
    gen_length: z.int().positive().optional(),
    steps: z.int().positive().optional(),
    temperature: z.number().nonnegative().optional(),
    top_p: z.number().positive().max(1).optional(),
    until: z.array(z.string().min(1)).optional(),
  })
  // Of one's own tasks both mean the length of answers.
  .transform(({ gen_length, ...said }) => {
    const length = gen_length ?? said.max_new_tokens
    return { ...said, ...(length !== undefined && { gen_length: length }) }
  })

export const taskFileSchema = z
  .strictObject({
    task: z.string().regex(/^[A-Za-z0-9][\w.-]{0,79}$/, "is no name: letters, digits, _ . and -"),
    title: z.string().optional(),
    version: z.union([z.string(), z.number()]).default(1),
    data: z.union([z.string().min(1), dataset]).optional(),
    format: z.enum(["rows", "llava"]).default("rows"),
    pictures: z.union([z.string(), z.array(z.string())]).optional(),
    /** Folder that paths of pictures start from, relative to the data. */
    image_root: z.string().optional(),
    prompt: z.string().min(1),
    /** The context is continued without the model's chat template. */
    plain: z.boolean().default(false),
    choices: z.union([z.string(), z.array(z.string()).min(2)]).optional(),
    choice_format: z.string().default("{{letter}}. {{choice}}"),
    target: z.string().min(1),
    target_is: z.enum(["text", "letter", "index"]).default("text"),
    answer: extraction.default("whole"),
    score: z
      .union([z.string(), z.array(z.string()).min(1)])
      .transform((score) => [score].flat())
      .default(["exact"]),
    generation: generation.default({}),
    /** A column that names the part; or parts with patterns, of which the first that the right answer matches counts. */
    parts: z.union([z.string(), z.record(z.string(), z.string().min(1))]).optional(),
    group: z.string().optional(),
  })
  .superRefine((file, { addIssue }) => {
    const needsChoices = (key: string): void =>
      addIssue({ code: "custom", path: [key], message: "needs choices: name the column that has them, or list them" })
    const wrongScore = (message: string): void => addIssue({ code: "custom", path: ["score"], message })
    const unknown = file.score.find((name) => name !== LIKELIHOOD && !isMetric(name))
    if (unknown !== undefined) wrongScore(`${shown(unknown)} is none of ${[...metricNames(), LIKELIHOOD].join(", ")}`)
    const names = file.score.map(metricName)
    const twice = names.find((name, i) => names.indexOf(name) < i)
    if (twice !== undefined) wrongScore(`${twice} stands twice in it`)
    if (file.choices !== undefined) return
    if (file.target_is !== "text") needsChoices("target_is")
    if (file.answer === "letter") needsChoices("answer")
    if (file.score.includes(LIKELIHOOD)) needsChoices("score")
  })

export type TaskFileContent = z.output<typeof taskFileSchema>
export type Extraction = z.output<typeof extraction>
