/** A task of one's own about pictures, on its whole way: several questions about a picture are drawn together. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { afterAll, expect, it } from "vitest"
import type { Subject } from "../answerer/subject.js"
import { rescore } from "../results/rescore.js"
import { scoreRun } from "../results/score-run.js"
import { evaluate } from "../run/evaluate.js"
import { closeTasks, openTasks } from "../run/open-tasks.js"
import { compareRuns } from "./compare.js"

const root = mkdtempSync(join(tmpdir(), "own-tasks-"))
afterAll(() => rmSync(root, { recursive: true }))

const DOCUMENTS = 12
/** What stands at each document's place of a picture: two questions a picture, the last two about none. */
const pictureAt = (i: number): string | null => (i < 10 ? `${i >> 1}.png` : null)

const subject = (right: (number: number) => boolean): Subject => ({
  record: { name: "scripted", fingerprint: "x" },
  separator: "<|im_end|>",
  check() {},
  open: async () => ({
    record: { name: "scripted", fingerprint: "x" },
    async answer({ context }) {
      const raw = right(Number(context)) ? context : "?"
      return { raw, tokens: 1, forwards: 1, ended: true }
    },
  }),
})

it("documents about a picture belong together, in scores, samples and comparisons", async () => {
  for (let i = 0; i < 5; i++) {
    const picture = sharp({ create: { width: 2, height: 2, channels: 3, background: { r: 50 * i, g: 0, b: 0 } } })
    writeFileSync(join(root, `${i}.png`), await picture.png().toBuffer())
  }
  const rows = Array.from({ length: DOCUMENTS }, (_, i) => ({ question: `${i}`, answer: `${i}`, image: pictureAt(i) }))
  writeFileSync(join(root, "data.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""))
  const file = join(root, "mine.yaml")
  writeFileSync(file, 'task: mine\ndata: data.jsonl\nprompt: "{{question}}"\ntarget: "{{answer}}"\ngroup: image\n')

  const folders: string[] = []
  for (const right of [(i: number) => i < 6, () => true]) {
    const out = join(root, `run${folders.length}`)
    mkdirSync(out)
    folders.push(out)
    const tasks = await openTasks([file])
    const { record, tasks: answered } = await evaluate({ subject: subject(right), tasks, out })
    const of = answered.map(({ open, record, answers }) => ({ ...open, record, answers }))
    const scored = await scoreRun(record, of, { out })
    closeTasks(tasks)
    expect(scored.tasks[0].result.metrics).toMatchObject([{ documents: DOCUMENTS, clusters: 7 }])
    const samples = scored.files.find((name) => name.endsWith("_samples_mine.jsonl"))!
    const clusters = readFileSync(samples, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).cluster)
    expect(clusters[0]).toEqual(clusters[1])
    expect(new Set(clusters).size).toBe(6)
    expect((await rescore(out, { out })).tasks[0].result).toEqual(scored.tasks[0].result)
  }
  const [{ metrics }] = (await compareRuns(folders)).tasks
  expect(metrics).toMatchObject([{ first: 0.5, second: 1, documents: DOCUMENTS, clusters: 7 }])

  // How answers are counted may change; what they are answers to may not.
  const content = readFileSync(file, "utf8")
  writeFileSync(file, `${content}score: contains\n`)
  expect((await rescore(folders[0], { out: folders[0] })).tasks[0].result.metrics[0].name).toBe("contains")
  writeFileSync(file, content.replace("{{question}}", "Please: {{question}}"))
  await expect(rescore(folders[0], { out: folders[0] })).rejects.toThrow(/asks something else/)
})
