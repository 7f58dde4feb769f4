/**
 * lmms-eval's own task files on documents as the hub has them, asked of the server, beside `eval` on the model: the same prompts, answers and
 * scores, with pictures of any format, several of them, options. And lmms-eval's programs read what `eval` has written. Where
 * DIFFUSIONVL_PYTHON names a Python that has it.
 */

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, expect } from "vitest"
import type { RunningServer } from "../../src/serve/running-server.js"
import { serve } from "../../src/serve/serve.js"
import { start } from "../support/program.js"
import { needsPython, python } from "../support/python.js"
import { writeDocuments } from "./documents.js"
import { fileOf, rawAnswers, resultsOf, sampledAnswers } from "./read-runs.js"

/** Of the benchmarks those that ask alike in lmms-eval 0.7.3 and 0.3.0, and whether they also count alike; splits and folders of their files. */
const BENCHMARKS = {
  ai2d: { split: "test", alike: true },
  chartqa: { split: "test", alike: true },
  mme: { split: "test", alike: true },
  mmstar: { split: "val", alike: false },
  realworldqa: { split: "test", alike: false },
  seedbench: { split: "test", alike: true },
} as const
const NAMES = Object.keys(BENCHMARKS)
const MODELS = ["emoji-diffusion", "emoji-ar"]
const LENGTH = 16

let folder: string
let server: RunningServer
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dvl-lmms-eval-"))
  await writeDocuments(folder)
  const tasks = join(folder, "tasks")
  mkdirSync(tasks)
  const installed = await python(folder, ["-c", "import lmms_eval; print(lmms_eval.__path__[0])"])
  for (const [name, { split }] of Object.entries(BENCHMARKS))
    writeFileSync(
      join(tasks, `${name}.yaml`),
      [
        `include: ${installed.trim()}/tasks/${name}/${name}.yaml`,
        `task: hub_${name}`,
        "dataset_path: parquet",
        `dataset_kwargs: { data_files: { ${split}: ${join(folder, `${name}.parquet`)} } }`,
      ].join("\n"),
    )
  copyFileSync(join(import.meta.dirname, "several_pictures.py"), join(folder, "several_pictures.py"))
  writeFileSync(
    join(tasks, "utils.py"),
    `import sys\nsys.path.insert(0, "${folder}")\nfrom several_pictures import *\n`,
  )
  writeFileSync(
    join(tasks, "several.yaml"),
    `task: several
dataset_path: json
dataset_kwargs: { data_files: { test: several.jsonl } }
test_split: test
output_type: generate_until
doc_to_visual: !function utils.pictures
doc_to_text: !function utils.question
doc_to_target: answer
process_results: !function utils.score
generation_kwargs: { max_new_tokens: ${LENGTH}, temperature: 0 }
metric_list: [{ metric: exact, aggregation: mean, higher_is_better: true }]
`,
  )
  writeFileSync(
    join(folder, "several-ours.yaml"),
    `task: several
data: several.jsonl
prompt: "{{question}}"
choices: options
target: "{{answer}}"
target_is: letter
answer: letter
score: exact
`,
  )
  server = await serve({ models: MODELS, port: 0, dtype: "float32" })
  await server.ready
}, 600_000)
afterAll(async () => {
  await server?.close()
  rmSync(folder, { recursive: true })
})

const ask = async (model: string, out: string): Promise<string> =>
  python(folder, [
    ...["-m", "lmms_eval", "--model", "openai"],
    ...["--model_args", `model=${model},base_url=${server.url}/v1,api_key=none`, "--include_path", "tasks"],
    ...[
      "--tasks",
      ["several", ...NAMES.map((name) => `hub_${name}`)].join(),
      "--gen_kwargs",
      `max_new_tokens=${LENGTH}`,
    ],
    ...["--log_samples", "--output_path", out],
  ])

const answer = async (model: string, out: string, ...more: string[]): Promise<void> => {
  const data = NAMES.flatMap((name) => ["--data", `${name}=${name}.parquet`])
  const tasks = ["several-ours.yaml", ...NAMES].join()
  const how = ["--tasks", tasks, ...data, "--max-tokens", `${LENGTH}`, "--out", out, ...more]
  const { code, err } = await start(folder, ["eval", model, ...how]).result
  expect(code, err).toBe(0)
}

const lmms = needsPython("lmms_eval", "datasets", "openai")
for (const model of MODELS)
  lmms.it(
    `lmms-eval finds of ${model} what eval finds`,
    async () => {
      const [ours, served, theirs] = ["ours", "served", "theirs"].map((run) => join(folder, "runs", model, run))
      await answer(model, ours, "--dtype", "float32")
      await answer(model, served, "--url", server.url)
      await ask(model, theirs)
      for (const task of ["several", ...NAMES]) {
        const answers = rawAnswers(ours, task)
        expect(answers).toHaveLength(18)
        expect(new Set(answers).size, task).toBeGreaterThan(6)
        expect(rawAnswers(served, task), task).toEqual(answers)
        const name = task in BENCHMARKS ? `hub_${task}` : task
        expect(sampledAnswers(theirs, name), task).toEqual(answers)
        if (task in BENCHMARKS && !BENCHMARKS[task as keyof typeof BENCHMARKS].alike) continue
        const [own, other] = [resultsOf(ours).results[task], resultsOf(theirs).results[name]]
        const scores = Object.entries(other).filter(([key]) => /^(?!.*stderr).*,/.test(key))
        expect(scores.length, task).toBeGreaterThan(0)
        for (const [key, score] of scores) expect(own[key], `${task} ${key}`).toBeCloseTo(score as number, 12)
      }
      // Answers are compared, and so are scores that are neither nothing nor all.
      expect(resultsOf(theirs).results.hub_chartqa["relaxed_overall,none"]).toBeGreaterThan(0.1)
      if (model === "emoji-ar") expect(resultsOf(theirs).results.several["exact,none"]).toBeGreaterThan(0)
    },
    900_000,
  )

lmms.it(
  "lmms-eval reads what eval writes",
  async () => {
    const out = join(folder, "read")
    await answer("emoji-diffusion", out, "--url", server.url)
    const read = JSON.parse(await python(folder, [resolve(import.meta.dirname, "read_results.py"), out]))
    const printed = readFileSync(fileOf(out, /_results\.json$/), "utf8")
    const { results } = JSON.parse(printed) as ReturnType<typeof resultsOf>
    // Each metric is a line of its table.
    const metrics = Object.values(results).flatMap((task) =>
      Object.keys(task).filter((key) => /^(?!.*_stderr).*,/.test(key)),
    )
    expect(read.table.filter((line: string) => line.includes("|±"))).toHaveLength(metrics.length)
    for (const task of ["several", ...NAMES]) expect(read.samples[task], task).toEqual({ rows: 18, baseline: 18 })
    if (read.page !== null)
      expect(read.page).toEqual({ tasks: ["several", ...NAMES], samples: 18 * (NAMES.length + 1) })
  },
  600_000,
)
