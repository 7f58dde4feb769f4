/** What came out, as a report. */

import { cpus } from "node:os"
import { formatDuration } from "../../src/readable.js"
import { percent, whole } from "../../src/report/numbers.js"
import { buildInfo, type Tensor } from "../../src/torch/index.js"
import type { Report } from "../shared/report-pages.js"
import type { Drawings } from "./data.js"
import type { Retrieval } from "./retrieval.js"
import type { Settings } from "./settings.js"
import type { TrainingStep } from "./training.js"

export interface ReportInput {
  settings: Settings
  command: string
  drawings: Drawings
  retrieved: Record<"train" | "otherVendor" | "otherThings", Retrieval>
  weights: ReadonlyMap<string, Tensor>
  losses: readonly TrainingStep[]
  times: Readonly<Record<string, number>>
}

const TITLES = {
  train: "trained on",
  otherVendor: "the same things, drawn by a vendor that training never saw",
  otherThings: "things that training never saw, by that vendor",
}

export function reportFrom({ settings, command, drawings, retrieved, weights, losses, times }: ReportInput): Report {
  const count = (prefix: string): number =>
    [...weights].reduce((sum, [name, { size }]) => sum + (name.startsWith(prefix) ? size : 0), 0)
  const { otherVendor, otherThings } = retrieved
  const chance = (things: number): string => percent(1 / Math.max(1, things))
  return {
    title: "A small tower of the SigLIP architecture",
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    summary: [
      `Of ${otherVendor.things} drawings by a vendor that training never saw, ${percent(otherVendor.names.first)} % find their name first among all names (by chance ${chance(otherVendor.things)} %). Of ${otherThings.things} drawings of things whose names it never saw, ${percent(otherThings.names.first)} % do (by chance ${chance(otherThings.things)} %).`,
    ],
    compared:
      "A vision transformer with SigLIP's attention pooling and a small encoder of names learn together which name belongs to which drawing, by the sigmoid contrastive loss (Zhai et al. 2023).",
    tables: [
      {
        title: "Zero-shot retrieval",
        text: "In percent, among all things of a row: the name that is most like a drawing, and the drawing that is most like a name.",
        columns: ["drawings", "things", "name first", "name in 5", "drawing first", "drawing in 5"],
        rows: (["train", "otherVendor", "otherThings"] as const).map((set) => {
          const { things, names, drawings: found } = retrieved[set]
          return [TITLES[set], String(things), ...[names.first, names.five, found.first, found.five].map(percent)]
        }),
      },
    ],
    losses: [{ name: "sigmoid contrastive", line: losses.map(({ step, loss }) => ({ x: step, y: loss })) }],
    samples: [],
    facts: [
      {
        title: "Run",
        columns: ["", ""],
        rows: [
          ["parameters of the tower", whole(count("vision_model."))],
          ["parameters of the text encoder", whole(count("text_model."))],
          ["drawings trained on", String(drawings.train.reduce((sum, { drawings }) => sum + drawings.length, 0))],
          ["training", `${losses.length} steps of ${settings.batch}`],
          ...Object.entries(times).map(([part, seconds]) => [`time, ${part}`, formatDuration(seconds)]),
          ...drawings.licences.map(({ vendor, author, licence }) => [vendor, `${author}, ${licence}`]),
          ["processor", `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores`],
          ["libtorch", buildInfo().torchVersion],
        ],
      },
    ],
    command,
  }
}
