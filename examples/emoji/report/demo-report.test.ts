import { expect, test } from "vitest"
import { renderDemoReport } from "./demo-report.js"
import type { DemoReportData, Evaluation, ReportModel } from "./demo-report-data.js"
import { sharePrecision } from "./demo-report-tables.js"

const PIXEL = "data:image/png;base64,iVBORw0KGgo="
const SPEED = { questions: 100, forwardsPerToken: 1 }
const exactly = (value: number) => ({ median: value, low: value, high: value })

function model(id: string, role: ReportModel["role"], shift?: ReportModel["shift"]): ReportModel {
  const paradigm = shift ? "block-diffusion" : "autoregressive"
  return {
    id,
    title: `Model ${id}`,
    role,
    shift,
    paradigm,
    parameters: 1_650_000,
    seconds: 60,
    steps: 1200,
  }
}

function evaluation(model: string, exact: number, more: Partial<Evaluation> = {}): Evaluation {
  return {
    ...{ model, set: "vendor", part: "main" },
    name: { ...SPEED, exact },
    choose: { ...SPEED, greedy: exact + 0.1, likelihood: exact + 0.3 },
    describe: {
      ...SPEED,
      tokenF1: 0.8,
      nameInside: exact,
      forwardsPerToken: model === "next" ? 0.56 : 1,
    },
    speed: {
      tokensPerSecond: exactly(model === "next" ? 180 : 100),
      ratio: model === "next" ? { median: 1.8, low: 1.6, high: 1.9 } : exactly(1),
      rounds: 11,
    },
    ...more,
  }
}

const block8 = { blockSize: 8, steps: 8, threshold: 0.9 }

function data(nextExact: number): DemoReportData {
  return {
    title: "Report",
    setting: "quick",
    date: "2026-01-02",
    models: [
      model("ar", "first-stage"),
      model("control", "control"),
      model("next", "translated", "next"),
      model("same", "translated", "same"),
    ],
    sets: [{ id: "vendor", title: "Held-out vendor", pictures: 100 }],
    evaluations: [
      evaluation("ar", 0.5),
      evaluation("control", 0.55),
      evaluation("next", nextExact, { decoding: block8 }),
      evaluation("same", 0.4, { decoding: block8 }),
      evaluation("next", 0.51, {
        part: "threshold",
        decoding: { ...block8, threshold: 0.6 },
        name: { ...SPEED, questions: 48, exact: 0.51 },
        choose: undefined,
      }),
      evaluation("next", 0.3, { part: "steps", decoding: { blockSize: 8, steps: 2 } }),
    ],
    curves: [
      {
        title: "Stage 1",
        yLabel: "loss",
        series: [
          {
            name: "loss",
            points: [
              [0, 3],
              [1, 1],
            ],
          },
        ],
      },
    ],
    samples: [
      {
        image: PIXEL,
        concept: "dog",
        set: "twemoji",
        questions: [
          {
            question: "What is this?",
            reference: "dog",
            answers: [{ model: "next", text: "<script>alert(1)</script>", right: false }],
          },
        ],
      },
    ],
    denoising: [
      {
        model: "next",
        question: "Describe it.",
        answer: "a dog",
        decoding: "block 8, threshold 0.9",
        blocks: [{ block: 0, steps: [{ step: 1, cells: [{ text: "a", state: "new", confidence: 1 }] }] }],
      },
    ],
    settings: [["batch", "32"]],
    hardware: [["threads", "2"]],
    data: [["concepts", "128"]],
    licences: [
      { vendor: "twemoji", author: "Twitter", licence: "CC BY 4.0", url: "https://github.com/jdecked/twemoji" },
    ],
    commands: ["npm run demo"],
  }
}

/** A row of the first table that holds this text, as plain text. */
function rowOf(page: string, text: string, after = ""): string {
  const from = page.slice(page.indexOf(after))
  const row = from.match(/<tr>.*?<\/tr>/gs)!.find((part) => part.includes(text))!
  return row
    .replace(/<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim()
}

test("the numbers arrive in the tables, with points against the control", () => {
  const page = renderDemoReport(data(0.54))
  const section = 'id="held-out-pictures"'
  expect(rowOf(page, "Model next", section)).toBe(
    "Model next block 8, threshold 0.9 54.0 % −1.0 64.0 % −1.0 84.0 % −1.0 80.0 % +0.0 54.0 % −1.0 0.56 180 1.80× (1.60–1.90)",
  )
  expect(rowOf(page, "Model control", section)).toBe(
    "Model control token by token 55.0 % 65.0 % 85.0 % 80.0 % 55.0 % 1.00 100",
  )
  expect(rowOf(page, "Model same", 'id="what-is-compared"')).toBe(
    "Model same block diffusion, same position 1.65 M 1,200 60 s",
  )
})

test("the summary says what the numbers say, good or bad", () => {
  const good = renderDemoReport(data(0.54))
  expect(good).toContain("at 1.80× the tokens per")
  expect(good).toContain("0.56 forward passes per token")
  expect(good).toContain("within two points of the control's 55.0 %")
  expect(good).not.toContain("more than two points below")
  expect(renderDemoReport(data(0.5))).toContain("more than two points below the control's 55.0 %")
  expect(renderDemoReport(data(0.6))).toContain("above the control's 55.0 %")
})

test("a speed that the rounds do not tell apart from the control's is not called faster", () => {
  const noisy = data(0.54)
  for (const { model, speed } of noisy.evaluations)
    if (model === "next" && speed) speed.ratio = { median: 1.2, low: 0.7, high: 22.4 }
  const page = renderDemoReport(noisy)
  expect(page).toContain("because the rounds scatter more than the models differ: 1.20×")
  expect(page).toContain("(median of 11 rounds in turns; half of them between 0.70 and 22.40)")
  expect(page).not.toContain("at 1.20× the tokens")
})

test("sweeps stand in tables of their own, say how much was asked, and leave out what was not", () => {
  const page = renderDemoReport(data(0.54))
  expect(rowOf(page, "threshold 0.6", ">Thresholds<")).toBe(
    "Model next block 8, threshold 0.6 51.0 % 80.0 % 51.0 % 0.56 180 1.80× (1.60–1.90)",
  )
  expect(page).toContain(
    "Questions: naming 48, description 100. Of the control: naming 100, multiple choice 100, description 100.",
  )
  expect(rowOf(page, "2 steps", ">Steps per block<")).toContain("block 8, 2 steps 30.0 %")
  expect(page).not.toContain(">Block sizes<")
})

test("answers of models are text, and the page is complete on its own", () => {
  const page = renderDemoReport(data(0.54))
  expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;")
  expect(page).not.toMatch(/<script|<link|src="(?!data:)|href=/)
  expect(page).toContain("CC BY 4.0")
  expect(page).toContain("npm run demo")
  expect(page.match(/<figure class="chart">/g)!.length).toBe(1 + 4 + 1)
  expect(page).not.toMatch(/NaN|undefined|\[object/)
})

test("the precision of a share is its binomial 95 % interval", () => {
  expect(sharePrecision(0.5, 100)).toBeCloseTo(9.8, 5)
  expect(sharePrecision(1, 100)).toBe(0)
})
