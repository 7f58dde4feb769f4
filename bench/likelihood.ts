/**
 * Documents per second of a task that is scored by likelihood, one document after the other and several at a time, in every mode of a
 * model; in turns, so that a machine whose load changes slows all of them down.
 *
 * node scripts/source.mjs bench/likelihood.ts [--model NAME] [--kind letters | ends] [--mode NAME] [--documents N] [--rounds N] [--concurrent N]... [--samples N] [--dtype D]
 *   [--device NAME] [--json]
 */

import { parseArgs } from "node:util"
import { randomFrom } from "../src/data/prng.js"
import { LocalAnswerer } from "../src/eval/answerer/local.js"
import type { Asked } from "../src/eval/task/task.js"
import { merged } from "../src/generate/merged.js"
import { modesOf } from "../src/generate/mode.js"
import { openModel } from "../src/generate/session.js"
import { spreadOf } from "../src/report/spread.js"
import type { Device, DType } from "../src/torch/index.js"

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "emoji-diffusion" },
    kind: { type: "string" },
    mode: { type: "string" },
    documents: { type: "string", default: "64" },
    rounds: { type: "string", default: "5" },
    concurrent: { type: "string", multiple: true, default: ["8", "32"] },
    // Of the bound, in modes that have one.
    samples: { type: "string", default: "16" },
    dtype: { type: "string", default: "auto" },
    device: { type: "string", default: "auto" },
    json: { type: "boolean", default: false },
  },
})

const WORDS = "the a red green small old bird tree house moves over under sees makes with of very and".split(" ")
const random = randomFrom(1)
const words = (least: number, more: number): string =>
  Array.from({ length: least + Math.floor(random() * more) }, () => WORDS[Math.floor(random() * WORDS.length)]).join(
    " ",
  )
const shots = Array.from({ length: 5 }, () => `${words(10, 20)}\nAnswer: A\n\n`).join("")
const LETTERS = [" A", " B", " C", " D"]
const KINDS: Record<string, () => Asked> = {
  // As MMLU's: five examples, the same for all, and one token to choose.
  letters: () => ({ context: `${shots}${words(10, 20)}\nAnswer:`, pictures: [], plain: true, choices: LETTERS }),
  // As HellaSwag's: a text, and four ends of it.
  ends: () => ({
    context: words(20, 40),
    pictures: [],
    plain: true,
    choices: Array.from({ length: 4 }, () => ` ${words(4, 10)}`),
  }),
}
const made = Object.entries(KINDS)
  .map(([kind, make]) => ({ kind, documents: Array.from({ length: Number(values.documents) }, make) }))
  .filter(({ kind }) => values.kind === undefined || kind === values.kind)

const session = await openModel(values.model, {
  dtype: values.dtype as DType | "auto",
  device: values.device as Device | "auto",
})
const answerer = new LocalAnswerer(session, { record: { name: session.name, fingerprint: "" } })

interface Way {
  kind: string
  documents: readonly Asked[]
  mode: string
  /** 0: exact. */
  samples: number
}

/** Of this process: what other programs take of the machine is not in it. */
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

async function measured(
  concurrent: number,
  { documents, mode, samples }: Way,
): Promise<{ seconds: number; cpu: number }> {
  session.executor.clear()
  const bound = samples > 0 ? { samples, seed: 0 } : undefined
  const one = async function* (index: number) {
    yield await answerer.answer(documents[index], { decoding: { mode }, bound })
  }
  const [started, before] = [performance.now(), cpuSeconds()]
  for await (const event of merged(documents.length, concurrent, one)) if ("error" in event) throw event.error
  return { seconds: (performance.now() - started) / 1000, cpu: cpuSeconds() - before }
}

const sizes = [1, ...values.concurrent.map(Number)]
const asked = values.mode === undefined ? modesOf(session) : [values.mode]
const modes = asked.flatMap((mode) =>
  mode === "autoregressive"
    ? [{ mode, samples: 0 }]
    : [0, Number(values.samples)].map((samples) => ({ mode, samples })),
)
const times = ({ median, low, high }: ReturnType<typeof spreadOf>): string =>
  `${median.toFixed(2)} × (${low.toFixed(2)}–${high.toFixed(2)})`
const say = (line: string): void => void (values.json || process.stdout.write(`${line}\n`))

say(`${session.name} · ${session.dtype} · ${session.device} · ${values.documents} documents`)
const found = []
for (const { kind, documents } of made)
  for (const { mode, samples } of modes) {
    const rounds: { seconds: number; cpu: number }[][] = []
    // One that does not count: the first forwards of a model set everything up.
    for (let round = 0; round <= Number(values.rounds); round++) {
      const took: { seconds: number; cpu: number }[] = []
      for (const concurrent of sizes) took.push(await measured(concurrent, { kind, documents, mode, samples }))
      if (round > 0) rounds.push(took)
    }
    const each = sizes.map((concurrent, i) => {
      const ratio = (key: "seconds" | "cpu") => spreadOf(rounds.map((took) => took[0][key] / took[i][key]))
      const perSecond = (key: "seconds" | "cpu") =>
        spreadOf(rounds.map((took) => documents.length / took[i][key])).median
      return {
        concurrent,
        documentsPerSecond: perSecond("seconds"),
        documentsPerProcessorSecond: perSecond("cpu"),
        ratio: ratio("seconds"),
        ratioOfProcessorTime: ratio("cpu"),
      }
    })
    found.push({ kind, mode, samples, each })
    say(`${kind}, ${mode}${samples > 0 ? `, bound of ${samples}` : ""}`)
    for (const { concurrent, ratio, ratioOfProcessorTime, ...per } of each) {
      const [wall, cpu] = [per.documentsPerSecond, per.documentsPerProcessorSecond].map((value) => value.toFixed(1))
      say(
        `  ${String(concurrent).padStart(3)} at a time  ${wall.padStart(7)} documents/s  ${times(ratio)}, ${cpu.padStart(7)} a second of processor time  ${times(ratioOfProcessorTime)}`,
      )
    }
  }
if (values.json)
  process.stdout.write(`${JSON.stringify({ model: session.name, documents: Number(values.documents), found })}\n`)
