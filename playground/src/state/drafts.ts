/** What is typed and not sent yet: it outlives a change of the page, a reload and a failed request. */

import { type Signal, signal } from "@preact/signals"
import type { Picture } from "../protocol/request.js"
import { stored } from "./stored.js"

export interface Draft {
  text: Signal<string>
  /** Too large for the browser's storage: they outlive no reload. */
  pictures: Signal<readonly Picture[]>
}

const draft = (key: string): Draft => ({ text: stored(key, ""), pictures: signal([]) })

export const chatDraft = draft("draft")
export const comparisonDraft = draft("comparison-draft")
