/** The demo's report: one self-contained HTML page from plain data. Every sentence with a number is computed from it. */

import { counted } from "../../../src/readable.js"
import { denoiseView } from "../../../src/report/denoise-view.js"
import {
  type Content,
  details,
  figure,
  type Html,
  html,
  page,
  picture,
  preformatted,
  section,
  table,
} from "../../../src/report/html.js"
import { differs } from "../../../src/report/spread.js"
import { curveCharts, scoreCharts, speedQualityCharts } from "./demo-report-charts.js"
import {
  type DemoReportData,
  type Denoising,
  decodingText,
  type Evaluation,
  evaluationsOf,
  type Sample,
} from "./demo-report-data.js"
import {
  CHOICE_GREEDY,
  comparisonTable,
  FORWARDS,
  modelTable,
  NAMING,
  percent,
  sharePrecision,
  sweepTable,
  TOKEN_F1,
} from "./demo-report-tables.js"

/** @returns a whole HTML document that needs no other file and no network */
export function renderDemoReport(data: DemoReportData): string {
  return page(
    data.title,
    html`<p class="soft">${data.setting} setting · ${data.date}</p>`,
    summary(data),
    section("What is compared", COMPARED, modelTable(data)),
    section("Held-out pictures", ...heldOut(data)),
    section("Speed against quality", SPEED_QUALITY, charts(speedQualityCharts(data, data.sets[0].id))),
    sweeps(data),
    section("Blocks being denoised", DENOISING, ...data.denoising.map((entry) => denoising(data, entry))),
    section("Pictures and answers", ...data.samples.map((entry) => sample(data, entry))),
    section("Training", charts(curveCharts(data))),
    section("Settings and machine", pairs("Settings", data.settings), pairs("Machine", data.hardware)),
    section("Data and licences", DATA, pairs("Counts", data.data), licences(data)),
    section("How to make this report again", preformatted(data.commands.join("\n"))),
  )
}

const COMPARED = html`<p>All models are continuations of one small autoregressive Qwen2.5-VL. Translating it to block
diffusion is further training with another attention pattern and another objective; the autoregressive <em>control</em>
is shown as many samples once more, so that more training is not mistaken for a better paradigm.</p>`

const SPEED_QUALITY = html`<p>Each mark is one way of decoding: t = threshold, s = steps per block, B = block size where
it is varied, lc = low confidence. A line joins the thresholds of a model. Autoregressive decoding takes one forward per token. Up and to the left (forwards) or up and to
the right (tokens per second) is better. Speeds were measured in turns, a few descriptions by every model and way of decoding in each
round.</p>`

const REMASKING = html`<p>A step of block diffusion fixes every token above the threshold. When there is none it fixes the most
confident one (<em>low confidence</em>, the paper's way) or the leftmost (<em>sequential</em>, where the end of an answer also waits
for the words before it). Confidence alone often fixes the end before the first word, which then has to fit a length
instead of the picture.</p>`

const DENOISING = html`<p>Each row is a step; a cell is a token with the probability the model gives it.
<span class="denoise"><span class="masked">&nbsp;masked&nbsp;</span></span> cells show what the model would say at the
moment, green ones were fixed in this step, blue ones before. · is a blank.</p>`

const DATA = html`<p>Pictures are emoji drawings of several vendors, rasterised from npm packages; names, groups and tags are
emojibase's (MIT). No picture of the held-out vendor was seen in training.</p>`

/** The result in sentences: the first translated model against the control, on the first set. */
function summary(data: DemoReportData): Content {
  const set = data.sets[0]
  const rows = evaluationsOf(data, set.id, "main")
  const control = rows.find(({ model }) => model.role === "control")
  const translated = rows.find(({ model }) => model.role === "translated")
  if (!control || !translated) return undefined
  const first = rows.find(({ model }) => model.role === "first-stage")
  const read = (measure: typeof NAMING) => [measure.read(control.evaluation), measure.read(translated.evaluation)]
  const [, forwards] = read(FORWARDS)
  const tiles = [NAMING, CHOICE_GREEDY, TOKEN_F1].flatMap((measure) => {
    const [before, after] = read(measure)
    const questions = measure.questions(translated.evaluation)
    if (before === undefined || after === undefined || questions === undefined) return []
    const points = (after - before) * 100
    const verdict = points >= -2 ? "good" : "bad"
    const start = first && measure.read(first.evaluation)
    const word = points < -2 ? "more than two points below" : points <= 2 ? "within two points of" : "above"
    return html`<div class="tile"><b>${percent(after)}</b><span>${measure.title}</span><span class="${verdict}">${word} the control's ${percent(before)}</span>${start === undefined ? "" : html`<span>before translation: ${percent(start)}</span>`}<span>${questions} questions${measure === TOKEN_F1 ? "" : `, ± ${sharePrecision(after, questions).toFixed(1)} points`}</span></div>`
  })
  return html`<p class="lead">The autoregressive model became a block-diffusion model. On “${set.title}” it writes
descriptions (${decodingText(translated.evaluation.decoding)})${speedText(translated.evaluation.speed)}${forwards === undefined ? "" : ` with ${forwards.toFixed(2)} forward passes per token`}.</p>
<div class="tiles">${tiles}</div>`
}

/** Where the rounds scatter more than the models differ, it says so. */
function speedText(speed: Evaluation["speed"]): string {
  if (!speed) return ""
  const measured = `(median of ${counted(speed.rounds, "round")} in turns; half of them between ${speed.ratio.low.toFixed(2)} and ${speed.ratio.high.toFixed(2)})`
  return differs(speed.ratio)
    ? ` at ${speed.ratio.median.toFixed(2)}× the tokens per second of the autoregressive control ${measured}`
    : `, at a speed that cannot be compared with the autoregressive control's here, because the rounds scatter more than the models differ: ${speed.ratio.median.toFixed(2)}× ${measured}`
}

function heldOut(data: DemoReportData): Content[] {
  return [
    html`<p>Small numbers are points above or below the control. Naming counts exact answers; multiple choice has four
names to choose from, answered greedily or by the option the model finds likeliest; a description is compared with the
reference word by word, and must hold the name to count in the next column. Forwards and tokens per second are those of
descriptions and count up to the first end-of-sequence token; beside a speed is its ratio to the control's, the median of
rounds measured in turns, and the middle half of them.</p>`,
    REMASKING,
    ...data.sets.flatMap(({ id, title, pictures }) => [
      html`<h3>${title} <small>${pictures} pictures</small></h3>`,
      comparisonTable(data, id),
    ]),
    charts(scoreCharts(data)),
  ]
}

function sweeps(data: DemoReportData): Content {
  const set = data.sets[0]
  const parts = [
    ["block-size", "Block sizes", "How many tokens are denoised together."],
    ["steps", "Steps per block", "A fixed number of steps: each fixes the same number of tokens, sure or not."],
    ["threshold", "Thresholds", "Each step fixes every token above the threshold, or else one."],
  ] as const
  const tables = parts.flatMap(([part, title, text]) => {
    const rows = sweepTable(data, set.id, part)
    return rows ? [html`<h3>${title}</h3><p>${text}</p>`, rows] : []
  })
  return tables.length > 0 ? section("Block sizes, steps, thresholds", html`<p>${set.title}.</p>`, tables) : undefined
}

function denoising(data: DemoReportData, entry: Denoising): Html {
  const image = entry.image ? picture(entry.image, "the picture asked about", 84) : undefined
  return html`<h3>${titleOf(data, entry.model)}, ${entry.decoding}</h3>
<div class="sample"><div>${image}</div><div><p><b>${entry.question}</b><br>${entry.answer}</p></div></div>
${entry.blocks.map(({ block, steps }) => figure(denoiseView(steps), `block ${block + 1}: ${steps.length} ${steps.length === 1 ? "step" : "steps"}`))}`
}

function sample(data: DemoReportData, { image, concept, set, questions }: Sample): Html {
  const answers = questions.map(
    ({ question, reference, answers }) => html`<p><b>${question}</b> <span class="soft">${reference}</span></p>
${table(
  [{ title: "" }, { title: "" }],
  answers.map(({ model, text, right }) => [
    html`<span class="soft">${titleOf(data, model)}</span>`,
    html`<span class="${right ? "good" : "bad"}">${right ? "✓" : "✗"}</span> ${text}`,
  ]),
)}`,
  )
  return html`<div class="sample"><div>${picture(image, concept, 84)}<span class="soft">${set}</span></div><div>${answers}</div></div>
`
}

function titleOf({ models }: DemoReportData, id: string): string {
  return models.find((model) => model.id === id)?.title ?? id
}

function charts(items: readonly Html[]): Html {
  return html`<div class="charts">${items}</div>`
}

function pairs(title: string, rows: readonly (readonly [string, string])[]): Content {
  if (rows.length === 0) return undefined
  return details(title, table([{ title: "" }, { title: "" }], rows))
}

function licences({ licences }: DemoReportData): Html {
  return table(
    [{ title: "drawings" }, { title: "author" }, { title: "licence" }, { title: "source" }],
    licences.map(({ vendor, author, licence, url }) => [vendor, author, licence, url]),
  )
}
