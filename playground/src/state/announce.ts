/** What a screen reader is told when it comes to it: one sentence at a time. */

import { signal } from "@preact/signals"

export const announcement = signal("")

export function announce(text: string): void {
  // The same words again are news too.
  announcement.value = announcement.peek() === text ? `${text} ` : text
}
