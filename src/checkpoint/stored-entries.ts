/** Canonical tensors under the names of a layout, ready to be written: the other direction of reading. */

import { shares } from "./checkpoint.js"
import { fillName, isJoin, isSplit, type Layout, type RenameRule, ruleOfCanonical, type SplitRule } from "./layout.js"
import type { TensorEntry } from "./safetensors/safetensors.js"
import { joinOf, readView, reorderOf, type TensorView, undone } from "./tensor-view.js"

/** A tensor to be written, and the file that its layout fixes for it. */
export interface StoredEntry extends TensorEntry {
  file?: string
}

/**
 * @param entries all tensors of a model, by canonical names
 * @throws Error for a tensor that the layout has no name for, or a fused one of which parts are absent
 */
export function storedEntries({ rules, ...layout }: Layout, entries: readonly TensorEntry[]): StoredEntry[] {
  const stored: StoredEntry[] = []
  const fused = new Map<string, { rule: SplitRule; parts: TensorEntry[] }>()
  for (const entry of entries) {
    const match = ruleOfCanonical({ rules, ...layout }, entry.name)
    if (!match) throw new Error(`the layout ${layout.name} has no name for ${entry.name}`)
    const { rule, index, values } = match
    if (isSplit(rule)) {
      const name = fillName(rule.stored, values)
      const whole = fused.get(name) ?? { rule, parts: [] }
      whole.parts[index] = entry
      fused.set(name, whole)
      if (!rule.canonical.every((_, i) => whole.parts[i])) continue
      stored.push(entryOf(name, joinOf(whole.parts, rule.axis), rule.file))
      fused.delete(name)
    } else if (isJoin(rule)) {
      const views = shares(rule, entry, rule.stored.length, entry.name)
      for (const [i, view] of views.entries()) stored.push(entryOf(fillName(rule.stored[i], values), view, rule.file))
    } else {
      const { stored: name, reorder, file } = rule as RenameRule
      const view = reorder ? reorderOf(entry, undone(reorder)) : entry
      stored.push(entryOf(fillName(name, values), view, file))
    }
  }
  if (fused.size > 0) throw new Error(`the model is to be saved with only parts of ${[...fused.keys()].join(", ")}`)
  return stored
}

function entryOf(name: string, view: TensorView, file: string | undefined): StoredEntry {
  const { dtype, shape } = view
  const isWhole = "data" in view
  return { name, dtype, shape: [...shape], data: isWhole ? view.data : () => readView(view), ...(file && { file }) }
}
