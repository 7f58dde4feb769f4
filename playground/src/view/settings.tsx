import type { Signal } from "@preact/signals"
import type { ComponentChildren } from "preact"
import { useState } from "preact/hooks"

/** Beside the conversation where there is room, else folded above the question. */
export function Settings({ children }: { children: ComponentChildren }) {
  const [open] = useState(() => matchMedia("(min-width: 60rem)").matches)
  return (
    <details class="settings" open={open}>
      <summary>Settings</summary>
      <div class="fields">{children}</div>
    </details>
  )
}

/** What the model is told before the conversation. */
export function SystemField({ value }: { value: Signal<string> }) {
  return (
    <div class="field wide">
      <label for="system">System message</label>
      <textarea
        id="system"
        rows={2}
        value={value}
        onInput={(event) => (value.value = event.currentTarget.value)}
        placeholder="what the model is told first"
      />
    </div>
  )
}
