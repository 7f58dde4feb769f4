/** Tasks that are scored by likelihood, on small models: whatever is asked beside, and however often it is stopped, the same numbers. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { documentsOf, plainTask } from "../../../test/support/documents.js"
import { writeLettersModel } from "../../../test/support/letters-model.js"
import { computeScores } from "../../generate/score.js"
import { loadSession } from "../../generate/session.js"
import { convert } from "../../paradigms/convert.js"
import { plainPrompt } from "../../text/formats/plain-format.js"
import { localSubject, type Subject } from "../answerer/subject.js"
import { notesOf } from "../results/printed.js"
import { scoreRun } from "../results/score-run.js"
import type { Task } from "../task/task.js"
import { chosenByLikelihood } from "../tasks/text/by-likelihood.js"
import { type Evaluated, type EvaluateOptions, evaluate } from "./evaluate.js"

const root = mkdtempSync(join(tmpdir(), "eval-likelihood-"))
const NAMES = ["autoregressive", "block-diffusion", "full-diffusion"]
const subjects = new Map<string, Subject>()
let folders = 0

const CHOICES = [" yes", " no, never", " it is"]
const rows = Array.from({ length: 12 }, (_, i) => ({ question: `is number ${i} a ${"ab".repeat(i)}?`, answer: 0 }))
const task: Task = plainTask({
  name: "chosen",
  ask: ({ question }) => ({ context: String(question), pictures: [], choices: CHOICES, plain: true }),
  count: (_, answered) => ({ values: { exact: chosenByLikelihood(answered, CHOICES, 0).acc } }),
})

const run = (subject: Subject, more: Partial<EvaluateOptions> = {}): Promise<Evaluated> =>
  evaluate({
    ...{ subject, out: join(root, `run-${folders++}`) },
    tasks: [{ name: task.name, task, documents: documentsOf(rows) }],
    ...more,
  })
const valuesOf = ({ tasks: [{ answers }] }: Evaluated): number[] =>
  [...answers.values()].flatMap(({ likelihoods }) => likelihoods!.map(({ logLikelihood }) => logLikelihood))
const close = (some: readonly number[], others: readonly number[]): void => {
  expect(some.length).toBe(others.length)
  for (const [i, value] of some.entries()) expect(value).toBeCloseTo(others[i], 4)
}
const bound = { samples: 6, seed: 3 }

beforeAll(async () => {
  const letters = join(root, "letters")
  await writeLettersModel(letters)
  for (const name of NAMES) {
    const folder = join(root, name)
    await convert(letters, folder, { paradigm: name, ...(name === "block-diffusion" && { record: { block_size: 4 } }) })
    subjects.set(name, await localSubject(folder, { dtype: "float32", device: "cpu" }))
  }
})
afterAll(() => rmSync(root, { recursive: true }))

describe.each(NAMES)("%s", (name) => {
  it.each([undefined, bound])("many documents at a time are as one after the other (%j)", async (bound) => {
    const subject = subjects.get(name)!
    const [alone, together] = await Promise.all([1, 8].map((concurrent) => run(subject, { concurrent, bound })))
    close(valuesOf(together), valuesOf(alone))
    const session = loadSession(join(root, name), { dtype: "float32", device: "cpu" })
    const prompt = { ids: plainPrompt(rows[7].question, session.tokenizer) }
    const { scores } = await computeScores(session, prompt, CHOICES, { end: false, sameLength: true, bound })
    close(
      valuesOf(together).slice(21, 24),
      scores.map(({ logLikelihood }) => logLikelihood),
    )
  })

  it("stopped and gone on, it has the numbers of a run that was not, and another seed has others", async () => {
    const subject = subjects.get(name)!
    const out = join(root, `stopped-${name}`)
    for (let stop = 0; stop < 4; stop++) {
      const controller = new AbortController()
      const observer = { answered: () => controller.abort(new Error("stopped")) }
      await expect(run(subject, { out, bound, observer, signal: controller.signal, concurrent: 3 })).rejects.toThrow(
        "stopped",
      )
    }
    const found = await run(subject, { out, bound })
    close(valuesOf(found), valuesOf(await run(subject, { bound })))
    const other = valuesOf(await run(subject, { bound: { ...bound, seed: 4 } }))
    const masks = name !== "autoregressive"
    expect(other.some((value, i) => Math.abs(value - valuesOf(found)[i]) > 1e-3)).toBe(masks)
  })

  it("the results say what the likelihoods are", async () => {
    const masks = name !== "autoregressive"
    const out = join(root, `results-${name}`)
    for (const asked of [undefined, bound]) {
      const { record, tasks } = await run(subjects.get(name)!, { out, bound: asked })
      const expected = asked && masks ? asked : "exact"
      expect(record.tasks[0].likelihood).toEqual(expected)
      const [{ open, answers }] = tasks
      const scored = await scoreRun(record, [{ ...open, record: record.tasks[0], answers }], { out })
      expect(scored.tasks[0].result.likelihood).toEqual(expected)
      expect(notesOf(scored.tasks.map(({ result }) => result)).join()).toMatch(
        asked && masks ? /chosen: likelihoods are bounds, estimated from 6 samples \(seed 3\)/ : /^$/,
      )
      const [results] = scored.files
      expect(JSON.parse(readFileSync(results, "utf8")).diffusionvl.tasks.chosen.likelihood).toEqual(expected)
    }
    // Answers of the two are in files of their own.
    expect(readdirSync(join(out, "answers"))).toHaveLength(masks ? 2 : 1)
  })

  it("another mode or block size is what is asked for, where there is one", async () => {
    const subject = subjects.get(name)!
    const exact = valuesOf(await run(subject))
    const causal = valuesOf(await run(subject, { decoding: { mode: "autoregressive" } }))
    if (name === "autoregressive") {
      close(causal, exact)
      await expect(run(subject, { decoding: { blockSize: 2 } })).rejects.toThrow(/it has no block-size/)
      return
    }
    // Their vocabulary is one larger than the autoregressive model's: the mask has a share too.
    const others = NAMES.filter((other) => other !== name && other !== "autoregressive")
    close(causal, valuesOf(await run(subjects.get(others[0])!, { decoding: { mode: "autoregressive" } })))
    expect(Math.abs(causal[1] - exact[1])).toBeGreaterThan(1e-3)
    if (name === "full-diffusion") return
    const two = valuesOf(await run(subject, { decoding: { blockSize: 2 } }))
    expect(Math.abs(two[1] - exact[1])).toBeGreaterThan(1e-3)
  })
})

it("refuses estimates that cannot be", async () => {
  for (const samples of [0, 1.5, 1e9])
    await expect(run(subjects.get("full-diffusion")!, { bound: { samples, seed: 0 } })).rejects.toThrow(
      /cannot be estimated with/,
    )
})
