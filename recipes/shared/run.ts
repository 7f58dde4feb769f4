/** A run of a recipe in its folder, to a report: alone there, and only with what it was begun with. Every part that is done is kept. */

import { join } from "node:path"
import { writeFileAtomic } from "../../src/checkpoint/files.js"
import { lockFolder } from "../../src/checkpoint/lock.js"
import { requirePlaces } from "../../src/train/run/output-places.js"
import { Clock } from "./clock.js"
import { hashesOf, keepIdentity } from "./identity.js"
import { htmlReport, markdownReport, type Report } from "./report-pages.js"

/** What a run is asked for, and whom it tells what it does. */
export interface RunOptions<Settings extends object = object, Given extends string = never> {
  settings: Settings
  /** Everything is written here. */
  folder: string
  /** What to type to do it again. */
  command: string
  /** Files and folders that take the place of packages, by the name of their option. */
  given: Readonly<Partial<Record<Given, string>>>
  /** More `key=value` for the recipes of its trainings. */
  train: readonly string[]
  signal?: AbortSignal
  observer: Observer
}

/** What is shown while it runs. */
export interface Observer {
  /** @param left seconds to the end of everything, where they are known */
  progress(part: string, done: number, total: number, detail?: string, left?: number): void
  note(line: string): void
}

/** Paths of both forms of the report. */
export interface Reports {
  html: string
  markdown: string
}

export interface Recipe {
  name: string
  /** Looks at what the run is to be made of; it exists. */
  check?: () => void | Promise<void>
  /** Makes the report, or nothing when it was stopped: the same call goes on from there. */
  work: (clock: Clock) => Promise<Report | undefined>
}

/**
 * @returns undefined when the signal stopped it: the same call goes on from there
 * @throws UserError before anything is made when what was given does not do, or the folder is of something else
 */
export async function runRecipe<Settings extends object, Given extends string>(
  { settings, folder, given, train }: RunOptions<Settings, Given>,
  { name, check, work }: Recipe,
): Promise<Reports | undefined> {
  const identity = { recipe: name, settings, train, given: hashesOf(given) }
  await check?.()
  const [html, markdown] = [join(folder, "report.html"), join(folder, "report.md")]
  requirePlaces({ folders: [folder], files: [html, markdown] })
  const lock = lockFolder(folder)
  try {
    await keepIdentity(folder, identity)
    const report = await work(new Clock(join(folder, "times.json")))
    if (!report) return undefined
    await writeFileAtomic(html, htmlReport(report))
    await writeFileAtomic(markdown, markdownReport(report))
    return { html, markdown }
  } finally {
    lock.release()
  }
}
