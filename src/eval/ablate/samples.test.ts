/** Documents that a report shows: only what the task wants of them is read, and those of which nothing can be shown are left out. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { afterAll, expect, it } from "vitest"
import { keptAnswer } from "../../../test/support/documents.js"
import { closeTasks, openTasks } from "../run/open-tasks.js"
import type { Result } from "./run.js"
import { samplesOf } from "./samples.js"

const root = mkdtempSync(join(tmpdir(), "samples-"))
afterAll(() => rmSync(root, { recursive: true }))

it("are those that can be scored, without pictures that nobody asked for, cut pictures as far as they go", async () => {
  const noise = Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => (i * 7919) % 251)
  const file = await sharp(noise, { raw: { width: 64, height: 64, channels: 3 } })
    .jpeg()
    .toBuffer()
  writeFileSync(join(root, "cut.jpg"), file.subarray(0, (3 * file.length) / 4))
  const rows = [
    { question: "a?", options: ["x", "y"], answer: "z", image: { bytes: null, path: "nowhere.png" }, photo: "cut.jpg" },
    { question: "b?", options: ["x", "y"], answer: "y", image: { bytes: null, path: "nowhere.png" }, photo: "cut.jpg" },
  ]
  writeFileSync(join(root, "data.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""))
  writeFileSync(
    join(root, "own.yaml"),
    'task: own\ndata: data.jsonl\npictures: photo\nprompt: "{{question}}"\nchoices: options\ntarget: "{{answer}}"\nanswer: letter\n',
  )
  const tasks = await openTasks([join(root, "own.yaml")])
  const answers = new Map([0, 1].map((index) => [index, keptAnswer(index, "B")]))
  const variant = { key: "k", curve: "model", label: "", cells: [], model: "m", decoding: {} }
  const samples = await samplesOf(tasks, [{ variant, answers: [answers] } as unknown as Result])
  expect(samples).toEqual([
    {
      question: "b?",
      picture: expect.stringMatching(/^data:image/),
      answers: [
        { of: "expected", text: "B" },
        { of: "model", text: "B" },
      ],
    },
  ])
  closeTasks(tasks)
})
