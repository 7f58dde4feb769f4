import type { Report } from "../shared/report-pages.js"
export async function reportFrom(_: unknown): Promise<Report> {
  throw new Error("not yet")
}
