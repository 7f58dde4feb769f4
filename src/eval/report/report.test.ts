import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { afterEach, beforeEach, expect, it } from "vitest"
import { answersOf, documentsOf, keptAnswer } from "../../../test/support/documents.js"
import type { Comparison } from "../compare/compare.js"
import { scoreRun } from "../results/score-run.js"
import type { RunRecord } from "../run/run-record.js"
import { ai2d } from "../tasks/ai2d.js"
import { mme } from "../tasks/mme.js"
import { arcEasy } from "../tasks/text/arc.js"
import { comparisonReport } from "./comparison-report.js"

let out: string
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), "report-"))
})
afterEach(() => rmSync(out, { recursive: true }))

const EVIL = `<script>alert("x")</script><img src=https://example.com/x>`

const run: RunRecord = {
  ...{ version: 1, command: "diffusionvl eval m --tasks ai2d", concurrent: 8, given: {}, tasks: [], compat: false },
  model: { name: `org/${EVIL}`, fingerprint: "f", paradigm: "block-diffusion" },
  started: "2025-12-14T01:30:15.000Z",
}

const record = (task: string, documents: number) => ({
  ...{ task, documents, fingerprint: "d", asks: "a", first: documents, answers: "" },
  ...{ generation: {}, decoding: {} },
})

it("shows scores, parts, speed and wrong answers on a page that is safe and needs nothing else", async () => {
  const png = await sharp({ create: { width: 40, height: 20, channels: 3, background: "#c33" } })
    .png()
    .toBuffer()
  const docs = Array.from({ length: 12 }, (_, i) => ({
    ...{ question: `${EVIL} ${i}`, options: ["x", EVIL], answer: "0", kind: i % 2 ? "odd" : "even" },
    image: { bytes: i === 3 ? new Uint8Array([1, 2]) : new Uint8Array(png), path: "p.png" },
  }))
  const answers = answersOf(docs.map((_, i) => (i < 6 ? "A" : EVIL)))
  answers.set(3, { ...keptAnswer(3, ""), failed: "the picture cannot be decoded" })
  const answered = [{ task: ai2d, documents: documentsOf(docs), answers, record: record("ai2d", 12) }]
  const { files } = await scoreRun(run, answered, { out })
  const page = readFileSync(files.at(-1)!, "utf8")
  expect(page).not.toContain("<script>")
  expect(page.match(/(src|href)="(?!data:|#)/g)).toBeNull()
  expect(page).toContain("&lt;script&gt;")
  expect(page).toContain("data:image/webp;base64,")
  expect(page).toContain("the picture cannot be decoded")
  // 5 of 12.
  expect(page).toMatch(/<b>41\.7<\/b>/)
  expect(page).toContain("19.3 to 68.0")
  expect(page).toContain("by kind")
  expect(page).toContain("1 of 12 documents failed")
  expect(page).toContain("prefers-color-scheme: dark")
})

it("of tasks scored by likelihood shows what could be chosen, and nothing twice", async () => {
  const doc = {
    question: "What is it?",
    choices: { text: ["yen banknote", "coin"], label: ["A", "B"] },
    answerKey: "B",
  }
  const answer = (index: number, raw: string) => ({
    ...{ ...keptAnswer(index, raw.trim()), raw },
    likelihoods: [-3.456, -7].map((logLikelihood) => ({ logLikelihood, tokens: 1, bytes: 1 })),
  })
  const answers = new Map([
    [0, answer(0, " yen banknote")],
    [1, { ...answer(1, ""), failed: "the prompt is too long" }],
  ])
  const answered = [{ task: arcEasy, documents: documentsOf([doc, doc]), answers, record: record("arc_easy", 2) }]
  const { files } = await scoreRun(run, answered, { out })
  const page = readFileSync(files.at(-1)!, "utf8").replace(/<[^>]*>/g, "|")
  expect(page).toMatch(
    /\|choice\|+log-likelihood\|[\s|]+answered\|+yen banknote\|+−3\.46\|[\s|]+right\|+coin\|+−7\.00\|/,
  )
  expect(page).toMatch(/\|failed\|+the prompt is too long\|/)
  expect(page).not.toMatch(/\|read\|/)
  const [samples] = files.filter((file) => file.endsWith("arc_easy.jsonl"))
  expect(JSON.parse(readFileSync(samples, "utf8").split("\n")[0]).log_likelihoods).toEqual([-3.456, -7])
})

it("says why a score is missing", async () => {
  const docs = [{ question_id: "a", category: "code_reasoning", question: "?", answer: "Yes", image: null }]
  const answered = [{ task: mme, documents: documentsOf(docs), answers: answersOf(["Yes"]), record: record("mme", 1) }]
  const { files } = await scoreRun(run, answered, { out })
  expect(readFileSync(files.at(-1)!, "utf8")).toContain("one question was answered, not two")
})

it("says of how many documents answers were not read, where the metric beside it is about fewer", async () => {
  const pair = (category: string) =>
    ["Yes", "No"].map((answer) => ({ question_id: category, category, question: "?", answer, image: null }))
  const docs = [...pair("existence"), ...pair("code_reasoning")]
  const answers = answersOf(["Yes", "hm", "hm", "hm"]).set(0, { ...keptAnswer(0, "Yes"), tokens: 5000, seconds: 1 })
  const answered = [{ task: mme, documents: documentsOf(docs), answers, record: record("mme", 4) }]
  const { files } = await scoreRun(run, answered, { out })
  const page = readFileSync(files.at(-1)!, "utf8")
  expect(page).toContain('<td class="number">2</td><td class="number">3 of 4</td>')
  expect(page).toContain('<td class="number">5,006</td>')
  expect(page).toContain('<td class="number">2,002.4</td>')
})

it("shows runs beside each other, with what is sure", () => {
  const metric = { metric: "exact_match", scale: 100, higherIsBetter: true, documents: 50, clusters: 50 }
  const certainty = (low: number, high: number) =>
    ({ standardError: 0.01, interval: { low, high }, method: "bootstrap" }) as const
  const comparison: Comparison = {
    runs: [
      { name: "a", folder: "a" },
      { name: EVIL, folder: "b" },
    ],
    left: ["mme"],
    tasks: [
      {
        ...{ task: "ai2d", title: "AI2D", run: 1, documents: { common: 50, first: 50, second: 50 } },
        metrics: [
          {
            ...{ ...metric, first: 0.5, second: 0.6, difference: 0.1, certainty: certainty(0.02, 0.18) },
            mcnemar: { onlyFirst: 0, onlySecond: 5, p: 0.0625, exact: true },
          },
          {
            ...metric,
            metric: "other",
            first: 0.5,
            second: 0.49,
            difference: -0.01,
            certainty: certainty(-0.05, 0.03),
          },
        ],
        samples: [{ index: 4, input: `${EVIL}?`, target: "A", answers: ["A", EVIL] }],
      },
    ],
  }
  const page = comparisonReport(comparison, "diffusionvl eval compare a b")
  expect(page).not.toContain("<script>")
  expect(page).toContain(`<b class="good">+10.0</b>`)
  expect(page).toContain("2.0 to 18.0")
  expect(page).toContain('<td class="number">−1.0</td>')
  expect(page).toContain("0.063")
  expect(page).toContain("left out: mme")
  expect(page).toMatch(/<p class="soft">Where p is –, .*\(answers can be partly right in ai2d: other\)\./)
})
