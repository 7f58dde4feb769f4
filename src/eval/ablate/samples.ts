/** The first documents, with what is right and what each variant answers. */

import { UserError } from "../../errors.js"
import { thumbnail } from "../../image/thumbnail.js"
import { dataUri } from "../../report/html.js"
import type { SampleView } from "../../report/sample-view.js"
import type { OpenTask } from "../run/open-tasks.js"
import { pythonText } from "../task/python-literal.js"
import type { DocPicture, Task } from "../task/task.js"
import { nameOf } from "./plan.js"
import type { Result } from "./run.js"

/** Documents that are shown, of all tasks together, and at least one of each. */
const SAMPLES = 4
/** Pixels of their pictures: of each that a screen has, two. */
const SIDE = 192

/** What could not be asked, or cannot be scored, is left out. */
export async function samplesOf(tasks: readonly OpenTask[], results: readonly Result[]): Promise<SampleView[]> {
  const each = Math.max(1, Math.floor(SAMPLES / tasks.length))
  const samples: SampleView[] = []
  for (const [place, open] of tasks.entries()) {
    const answered = [...(results[0]?.answers[place]?.values() ?? [])].filter(({ failed }) => failed === undefined)
    let shown = 0
    for (const { index } of answered) {
      if (shown === each) break
      const asked = await askedOf(open, index)
      if (!asked) continue
      const { question, target, picture } = asked
      shown++
      samples.push({
        question,
        ...(tasks.length > 1 && { about: open.task.title }),
        ...(picture !== undefined && { picture }),
        answers: [
          { of: "expected", text: target },
          ...results.map(({ variant, answers }) => {
            const answer = answers[place].get(index)
            return { of: nameOf(variant), text: answer?.failed ?? answer?.text ?? "" }
          }),
        ],
      })
    }
  }
  return samples
}

/** Undefined where what is right is not known: hours of answers are worth a report without it. */
async function askedOf({ task, documents }: OpenTask, index: number) {
  try {
    const doc = await documents.read(index, { pictures: task.pictures })
    const { context, pictures } = task.ask(doc)
    return { question: context, target: expected(task, doc), picture: await pictureOf(pictures) }
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}

function expected(task: Task, doc: Parameters<Task["target"]>[0]): string {
  const target = task.target(doc)
  return Array.isArray(target) ? target.join(" / ") : pythonText(target)
}

/** Of several the last. */
async function pictureOf(pictures: readonly DocPicture[]): Promise<string | undefined> {
  const bytes = pictures.at(-1)?.bytes
  return bytes && dataUri(await thumbnail(bytes, SIDE))
}
