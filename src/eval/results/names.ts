/** How lmms-eval names the files of its results (docs/evaluation.md 8). */

/** Their clocks show Singapore's time: "20251214_093015". */
export function dateName(time: Date): string {
  const parts = new Intl.DateTimeFormat("sv-SE", {
    timeZone: "Asia/Singapore",
    dateStyle: "short",
    timeStyle: "medium",
  })
  return parts.format(time).replace(/[-:]/g, "").replace(" ", "_")
}

/** The last two parts of a path or hub id, as a folder's name; a slash at the end counts as a part. */
export function modelName(model: string): string {
  return model
    .split("/")
    .slice(-2)
    .join("/")
    .replace(/["<>:/|\\?*[\]]+/g, "__")
}

export const samplesName = (date: string, task: string): string => `${date}_samples_${task}.jsonl`
export const resultsName = (date: string): string => `${date}_results.json`
